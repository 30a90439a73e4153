"""What is released: one commit, whose version its own files agree on."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import time
from dataclasses import dataclass
from datetime import date
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
        """Puts the commit's files into a folder, and removes all others from it.

        A file that is there already and is the same stays as it is, with its time; the others are new. By these times cargo finds what it has to compile.
        """
        archive = _git(self.root, "archive", "--format=tar", self.commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            members = {folder / member.name: member for member in files if not member.isdir()}
            for path in [path for path in folder.rglob("*") if path not in members and (path.is_symlink() or not path.is_dir())]:
                path.unlink()
            for path, member in members.items():
                if member.isfile() and path.is_file() and path.read_bytes() == files.extractfile(member).read():
                    continue
                path.unlink(missing_ok=True)
                member.mtime = time.time()
                files.extract(member, folder)
        return folder

    def read(self, path: str) -> str:
        """The text of a file of the commit."""
        return _git(self.root, "show", f"{self.commit}:{path}").decode()


def declared(root: Path = ROOT) -> str:
    """The version that the work tree has."""
    return _said(root / "Cargo.toml", r'^version = "(.*)"$')


def source(version: str, root: Path = ROOT, *, new_files: bool = False) -> Source:
    """The commit of the work tree, if it can be released as this version. `new_files`: whether files may lie there that are not committed, and so not in it."""
    cargo = declared(root)
    chart = _said(root / CHART / "Chart.yaml", r"^version: (.*)$")
    program = _said(root / CHART / "Chart.yaml", r"^appVersion: (.*)$")
    for what, said in (("Cargo.toml", cargo), (f"version in {CHART}/Chart.yaml", chart), (f"appVersion in {CHART}/Chart.yaml", program)):
        if said != version:
            raise Refused(f"VERSION is {version or 'not given'}, but {what} says {said}: release that version, or change the file first.")
    # With -z nothing is quoted, whatever a file is called; the old name of a file that was moved follows as an entry of its own.
    changed = [entry[3:] for entry in _git(root, "status", "--porcelain", "--no-renames", "-z", *(["--untracked-files=no"] if new_files else [])).decode().split("\0") if entry]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise Refused(f"The work tree is not what is committed ({', '.join(changed[:3])}{more}): commit or remove this first.")
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    return Source(root, version, commit, int(_git(root, "show", "--no-patch", "--format=%ct", commit)))


def notes(changelog: str, version: str) -> str:
    """What the changelog says of a version that is released."""
    sections = _sections(changelog)
    example = f"`## {version} - {date.today()}`"
    if sections.get("Unreleased"):
        raise Refused(f"CHANGELOG.md has changes that are Unreleased: give this section the title {example} and commit it, or make a draft (ARGS=--draft).")
    for title, text in sections.items():
        if re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", title) and text:
            return text
    raise Refused(f"CHANGELOG.md says nothing under a title such as {example}, so there is nothing to say of this release.")


def draft_notes(changelog: str) -> str:
    """What the changelog says of a commit that need not be a release: what it has in its first section."""
    return next(iter(_sections(changelog).values()), "")


def _sections(changelog: str) -> dict[str, str]:
    return {title: text.strip() for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)}


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
