"""What is released: one commit, whose version its own files agree on."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHART = Path("deploy/charts/ecs-keeper")


class Refused(Exception):
    """Nothing is released; the text says why and what to do."""


@dataclass(frozen=True)
class Source:
    """A commit of a work tree that has nothing else in it."""

    root: Path
    version: str
    commit: str
    epoch: int
    """When it was committed, in seconds since 1970: the time of everything that a release is made of (SOURCE_DATE_EPOCH)."""

    def export(self, folder: Path) -> Path:
        """Puts the commit's files into a folder, without those that git ignores."""
        archive = _git(self.root, "archive", "--format=tar", self.commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder)
        return folder

    def read(self, path: str) -> str:
        """The text of a file of the commit."""
        return _git(self.root, "show", f"{self.commit}:{path}").decode()


def source(version: str, root: Path = ROOT) -> Source:
    """The commit of the work tree, if it can be released as this version."""
    cargo = _said(root / "Cargo.toml", r'^version = "(.*)"$')
    chart = _said(root / CHART / "Chart.yaml", r"^version: (.*)$")
    program = _said(root / CHART / "Chart.yaml", r"^appVersion: (.*)$")
    for what, said in (("Cargo.toml", cargo), (f"version in {CHART}/Chart.yaml", chart), (f"appVersion in {CHART}/Chart.yaml", program)):
        if said != version:
            raise Refused(f"VERSION is {version or 'not given'}, but {what} says {said}: release that version, or change the file first.")
    # With -z nothing is quoted, whatever a file is called; the old name of a file that was moved follows as an entry of its own.
    changed = [entry[3:] for entry in _git(root, "status", "--porcelain", "--no-renames", "-z").decode().split("\0") if entry]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise Refused(f"The work tree is not what is committed ({', '.join(changed[:3])}{more}): commit or remove this first.")
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    return Source(root, version, commit, int(_git(root, "show", "--no-patch", "--format=%ct", commit)))


def notes(changelog: str, version: str) -> tuple[str, str]:
    """The title and the text of the changelog's section on a version; of the section "Unreleased" if the version has none yet."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL))
    for title in (*(title for title in sections if re.match(rf"\[?{re.escape(version)}\]?(\s|$)", title)), "Unreleased"):
        if title in sections:
            return title, sections[title].strip() + "\n"
    raise Refused(f"CHANGELOG.md has neither a section {version} nor a section Unreleased, so there is nothing to say of this release.")


def _said(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    if not found:
        raise Refused(f"{path} names no version.")
    return found.group(1).strip("\"' ")


def _git(root: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True)
    if done.returncode:
        raise Refused(f"git {arguments[0]} failed: {done.stderr.decode().strip()}")
    return done.stdout
