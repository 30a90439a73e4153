"""What is kept of each release, so that the next version can be installed over it and rolled back to it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import unittest
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path += [str(ROOT / each) for each in ("demo", "release", "tests/chart")]

from stage import Failed, Guarded  # noqa: E402  Puts what follows on the path.
from binaries import cache, lock  # noqa: E402
from source import Source  # noqa: E402

SUMS = "SHA256SUMS"

# A time as Kubernetes and the simulator write it, by its minute. What is in the texts of messages is moved along.
TIME = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d)(?=(?::\d\d(?:\.\d+)?)?Z)")
MINUTE = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class Release:
    """One release, as `record.py` has written it."""

    version: str

    @property
    def folder(self) -> Path:
        return HERE / self.version

    @property
    def chart(self) -> Path:
        return self.folder / "chart"

    @property
    def commit(self) -> str:
        return (self.folder / "commit").read_text().strip()

    def cloud(self, now: datetime) -> dict:
        """The account as the simulator takes it, as if it had been recorded now."""
        return json.loads(self._moved("cloud.json", now))["account"]

    def objects(self, now: datetime) -> str:
        """The custom resources with their status, as a YAML list, as if they had been recorded now."""
        return self._moved("objects.yaml", now)

    def _moved(self, name: str, now: datetime) -> str:
        """A file with all times moved by the age of the record in whole minutes. An exception is in force for 30 days, and a lift for 15 minutes."""
        recorded = json.loads((self.folder / "cloud.json").read_text())["recorded"]
        age = now - datetime.strptime(recorded, f"{MINUTE}Z").replace(tzinfo=timezone.utc)
        minutes = timedelta(minutes=age // timedelta(minutes=1))
        move = lambda found: f"{datetime.strptime(found[1], MINUTE) + minutes:{MINUTE}}"  # noqa: E731
        return TIME.sub(move, (self.folder / name).read_text())

    def edits(self) -> list[str]:
        """What is not as `record.py` has written it, in sentences."""
        written = dict(line.split("  ")[::-1] for line in (self.folder / SUMS).read_text().splitlines())
        now = dict(line.split("  ")[::-1] for line in sums(self.folder).splitlines())
        found = [f"{name} is gone." for name in sorted(written.keys() - now.keys())]
        found += [f"{name} is not of the record." for name in sorted(now.keys() - written.keys())]
        return found + [f"{name} was changed." for name in sorted(written.keys() & now.keys()) if written[name] != now[name]]

    def program(self) -> Path:
        """The operator of the release, built from its commit the first time."""
        return program(self.version, self.commit)


def releases() -> list[Release]:
    """All that are recorded, oldest first."""
    versions = [path.parent.name for path in HERE.glob("*/commit")]
    return [Release(version) for version in sorted(versions, key=lambda version: [int(part) for part in version.split(".")])]


def of_each_release(loader: unittest.TestLoader, case: type) -> unittest.TestSuite:
    """The tests of a class for each release, which is its `release`."""
    classes = (type(f"{case.__name__}Of{release.version}", (case,), {"release": release, "__module__": case.__module__}) for release in releases())
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, classes))


def sums(folder: Path) -> str:
    """The checksums of all files of a folder, as `sha256sum` prints them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)


def source(version: str, commit: str) -> Source:
    """The commit of a release."""
    asked = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, text=True)
    if asked.returncode:
        raise Failed(
            f"This repository lacks the commit {commit}, of which {version} was made. In a shallow clone, run `git fetch --unshallow` first. "
            f"Git says: {asked.stderr.strip()}"
        )
    return Source(ROOT, version, commit, 0)


def program(version: str, commit: str) -> Path:
    """The operator of a commit, from the cache. Built first if it is not there, which takes minutes."""
    place = cache() / f"ecs-keeper-{version}-{commit[:16]}"
    built, folder = place / "ecs-keeper", place / "build"
    if built.exists():
        return built
    sources = source(version, commit)
    place.mkdir(parents=True, exist_ok=True)
    with lock(place / ".lock"):
        if not built.exists():
            print(f"Building ecs-keeper {version} from {commit}; this takes minutes, and only the first time.", file=sys.stderr, flush=True)
            try:
                _build(sources.export(folder / "source"), folder / "target")
                (folder / "target" / "demo" / "ecs-keeper").replace(built)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return built


def _build(sources: Path, target: Path) -> None:
    command = ["cargo", "build", "--locked", "--profile=demo", "--package=ecs-keeper", "--bin=ecs-keeper", f"--target-dir={target}"]
    with Guarded(command, cwd=sources) as cargo:
        if cargo.wait():
            raise Failed("The program of the release can't be built; cargo says why above.")
