"""The commands of docs/releasing.md, run as they stand there by whoever has a release."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from source import ROOT, Refused

PAGE = "docs/releasing.md"
# Helm and oras ask each registry by TLS unless they are told otherwise, also one on loopback.
PREAMBLE = 'helm() { command helm "$@" --plain-http; }\noras() { command oras "$@" --from-plain-http --to-plain-http; }\n'


@dataclass(frozen=True)
class Reader:
    """Somebody in the folder of a release, with the programs that the page asks for. All registries are on loopback."""

    folder: Path
    programs: dict[str, Path]
    registry: str
    version: str

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess:
        """Runs a command of the page, and answers what it printed. Further variables of the page can be set."""
        path = ":".join([*{str(path.parent) for path in self.programs.values()}, os.environ["PATH"]])
        known = {"REGISTRY": self.registry, "VERSION": self.version, **variables, "PATH": path}
        return subprocess.run(["bash", "-c", PREAMBLE + command], cwd=self.folder, env={**os.environ, **known}, capture_output=True, text=True)


def verifying(pattern: str) -> list[str]:
    """The commands of the page for verifying that begin like this."""
    return _commands("Verify a release", pattern)


def copying(pattern: str) -> list[str]:
    """The commands of the page for copying that begin like this."""
    return _commands("Copy a release to a registry of your own", pattern)


def _commands(section: str, pattern: str) -> list[str]:
    text = (ROOT / PAGE).read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    blocks = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    found = [command for command in re.findall(r"^\$ (.+(?:(?<=\\)\n.+)*)$", blocks, re.MULTILINE) if re.match(pattern, command)]
    if not found:
        raise Refused(f"{PAGE} says under {section} nothing such as {pattern}.")
    return found
