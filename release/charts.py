"""The chart as it is released: with the digest of the image in its values. And what it makes of them, for those without Helm."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from source import CHART, Refused, Source

NAME = "ecs-keeper"


def with_image(values: str, repository: str, digest: str) -> str:
    """The text of values.yaml with another image. All comments stay."""
    block = re.search(r"^image:\n(?:  .*\n)+", values, re.MULTILINE)
    text = block.group() if block else ""
    for key, value in (("repository", repository), ("digest", digest)):
        text, count = re.subn(rf"^  {key}: .*$", f"  {key}: {value}", text, flags=re.MULTILINE)
        if count != 1:
            raise Refused(f"The chart's values have no image.{key}, so the released chart can't name its image.")
    return values[: block.start()] + text + values[block.end() :]


class Chart:
    """The chart of a commit, in a folder of its own."""

    def __init__(self, source: Source, exported: Path, helm: Path, repository: str, digest: str, folder: Path):
        """`exported` has the commit's files; `folder` is an empty one."""
        self._helm = helm
        self._epoch = source.epoch
        self._folder = folder / NAME
        shutil.copytree(exported / CHART, self._folder)
        values = self._folder / "values.yaml"
        values.write_text(with_image(values.read_text(), repository, digest))
        # Helm keeps the times of the files in its archive.
        for path in self._folder.rglob("*"):
            os.utime(path, (source.epoch, source.epoch))

    def package(self, folder: Path) -> Path:
        """Puts the archive that `helm install` takes into a folder."""
        before = set(folder.iterdir())
        self._run("package", self._folder, f"--destination={folder}")
        (archive,) = set(folder.iterdir()) - before
        # `helm push` tells this as the time of its creation.
        os.utime(archive, (self._epoch, self._epoch))
        return archive

    def manifests(self) -> str:
        """What the chart's defaults make, without the CRDs, which are a file of their own."""
        return self._run("template", NAME, self._folder, f"--namespace={NAME}", "--set=crds.install=false")

    def _run(self, *arguments) -> str:
        done = subprocess.run([self._helm, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise Refused(f"helm {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


def definitions(exported: Path) -> str:
    """All CRDs as one text."""
    files = sorted((exported / "crds").glob("*.yaml"))
    return "".join(f"---\n{file.read_text().removeprefix('---').lstrip()}" for file in files)
