"""The three programs that choose: ecs-keeper, and one around each of the libraries."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import authority
from cloud import Cloud, name
from row import CRASHES, NOBODY

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ["FOLDER"])

# Longer than all time-outs of a program together.
_PATIENCE = 120


class Answer(NamedTuple):
    """What a program chose."""

    identity: str
    says: str
    """Why there is no key."""


def keeper(environment: dict[str, str], _: Cloud) -> Answer:
    """ecs-keeper itself, with a configuration that leaves the choice to the environment."""
    configuration = FOLDER / "config.yaml"
    configuration.write_text("")
    ended = _run([os.environ["ECS_KEEPER_BIN"], "config", "check", "--identity", configuration], environment)
    said = re.search(r"^  account default \(.*?\): (.*)$", ended.stdout, re.MULTILINE)
    if not said:
        return Answer(CRASHES, _last_line(ended))
    found = re.fullmatch(r"(acs:\S+) of the account \d+", said[1])
    # The exit code must say the same as the sentence.
    assert bool(found) == (ended.returncode == 0), ended
    return Answer(name(found[1]), "") if found else Answer(NOBODY, said[1])


def python(environment: dict[str, str], cloud: Cloud) -> Answer:
    """alibabacloud-credentials."""
    return _library([sys.executable, "-B", HERE / "python_library.py"], environment, cloud)


def go(environment: dict[str, str], cloud: Cloud) -> Answer:
    """credentials-go."""
    return _library([FOLDER / "go-library"], environment, cloud)


def _library(command: list, environment: dict[str, str], cloud: Cloud) -> Answer:
    ended = _run(command, environment)
    if ended.returncode:
        return Answer(CRASHES, _last_line(ended))
    answer = json.loads(ended.stdout)
    return Answer(NOBODY, answer["error"]) if "error" in answer else Answer(cloud.who(answer), "")


def _run(command: list, environment: dict[str, str]) -> subprocess.CompletedProcess:
    environment = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(FOLDER / authority.TRUSTED), **environment}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=_PATIENCE)


def _last_line(ended: subprocess.CompletedProcess) -> str:
    lines = ended.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {ended.returncode}"


PROGRAMS = {"ecs-keeper": keeper, "python": python, "go": go}
