"""The virtual environment of the vendor's SDK, made once from the versions that judge the simulator too."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from pathlib import Path

from stage import ROOT, Failed, Guarded

REQUIREMENTS = ROOT / "crates" / "simulator" / "sdk-tests" / "requirements.txt"


def python() -> Path:
    """The environment's Python."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(os.environ.get("ECS_KEEPER_CACHE") or caches / "ecs-keeper").absolute()
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + f"{sys.executable} {sys.version}".encode()).hexdigest()[:16]
    folder = cache / f"bench-venv-{key}"
    # One maker at a time; the mark comes last, so that an interrupted installation is never taken for a usable one.
    with open(cache / f"bench-venv-{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, "-m", "venv", folder)
            _run(folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps", "--requirement", REQUIREMENTS)
            (folder / "complete").touch()
    return folder / "bin" / "python"


def _run(*command) -> None:
    # Standard output is for the figures.
    with Guarded(command, stdout=sys.stderr) as process:
        if process.wait():
            raise Failed(f"The vendor's SDK can't be installed: {' '.join(map(str, command))} failed.")
