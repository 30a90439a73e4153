#!/usr/bin/env python3
"""Finds the programs of the control plane, and builds those that are missing from the Go modules pinned beside this file.

Nobody publishes kube-apiserver where every developer and every build machine may fetch it, but the Go module proxy has its source, and `go.sum` says
which. The finished programs are kept in a cache folder that is named by the pins, so only the first run pays for the build. A folder named by
KUBEBUILDER_ASSETS (as `setup-envtest` makes it) wins over both: what is found there is used, and only what it lacks is built.

    binaries.py          builds what is missing and prints where each program is
    binaries.py --check  builds nothing; prints what would have to be installed first, and fails if that is anything
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from guarded import Guarded, end_on_signals

HERE = Path(__file__).resolve().parent

# Seconds between two lines of progress.
PROGRESS = 15


class Module:
    """A `go.mod` beside this file and the programs that are built from it."""

    def __init__(self, folder: str, main: str, programs: dict[str, str], stamp: str | None = None):
        self.folder = HERE / folder
        self.programs = programs
        self.pins = [(self.folder / name).read_bytes() for name in ("go.mod", "go.sum")]
        text = self.pins[0].decode()
        self.version = re.search(rf"\s{re.escape(main)} v(\S+)", text).group(1)
        self.go = tuple(map(int, re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE).groups()))
        linker = "-s -w"
        if stamp:
            major, minor = self.version.split(".")[:2]
            values = {"gitVersion": f"v{self.version}", "gitMajor": major, "gitMinor": minor}
            linker += "".join(f" -X {stamp}.{name}={value}" for name, value in values.items())
        # -trimpath: the same sources give the same programs, wherever the checkout lies.
        self.flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", linker]


MODULES = [
    Module("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module(
        "kubernetes",
        "k8s.io/kubernetes",
        {name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kube-controller-manager", "kubectl")},
        # Unstamped, the server calls itself v0.0.0-master, which a chart's `kubeVersion` refuses.
        stamp="k8s.io/component-base/version",
    ),
]
PROGRAMS = [program for module in MODULES for program in module.programs]


class Unavailable(Exception):
    """A program is neither there nor can it be built; the text says why and what to do."""


def ensure() -> dict[str, Path]:
    """The path of every program, by its name. Builds what is missing, which takes minutes; progress goes to standard error."""
    if _missing(_find()):
        folder = _cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / ".lock"):
            missing = _missing(_find())
            if obstacle := _obstacle(missing):
                raise Unavailable(f"{obstacle} is needed to build {_sentence(missing)}.")
            for module in MODULES:
                if programs := [program for program in module.programs if program in missing]:
                    _build(module, programs, folder)
    return _find()


def _find() -> dict[str, Path]:
    folders = [_cache_folder()]
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        if not os.path.isdir(assets):
            raise Unavailable(f"KUBEBUILDER_ASSETS names {assets}, which is not a folder: correct it, or unset it to have the programs built.")
        folders.insert(0, Path(assets).resolve())
    found = {}
    for program in PROGRAMS:
        for folder in folders:
            if os.access(folder / program, os.X_OK):
                found.setdefault(program, folder / program)
    return found


def _missing(found: dict[str, Path]) -> list[str]:
    return [program for program in PROGRAMS if program not in found]


def _cache_folder() -> Path:
    key = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for module in MODULES:
        for pin in (*module.pins, *map(str.encode, module.flags)):
            key.update(hashlib.sha256(pin).digest())
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(os.environ.get("ECS_KEEPER_CACHE") or caches / "ecs-keeper")
    return cache.absolute() / f"control-plane-{key.hexdigest()[:16]}"


def _obstacle(missing: list[str]) -> str | None:
    """What must be installed before the missing programs can be built, or None."""
    if not missing:
        return None
    wanted = max(module.go for module in MODULES)
    name = "Go {}.{} or newer".format(*wanted)
    if not shutil.which("go"):
        return name
    # Outside of any module: inside one, a Go that is too old fails instead of telling its version.
    answer = subprocess.run(["go", "env", "GOVERSION", "GOTOOLCHAIN"], cwd="/", capture_output=True, text=True)
    version = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if not version:
        return f"{name} (the one on the PATH does not tell its version)"
    installed = tuple(map(int, version.groups()))
    # Since 1.21 Go fetches the newer toolchain that a module asks for, unless it was told not to.
    fetches = installed >= (1, 21) and "auto" in answer.stdout
    return None if installed >= wanted or fetches else f"{name} (the one on the PATH is {installed[0]}.{installed[1]})"


@contextmanager
def _lock(path: Path):
    """Held by one builder at a time. The kernel gives it back when its holder ends, however that happens."""
    with open(path, "w") as file:
        started = time.monotonic()
        told = -PROGRESS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = int(time.monotonic() - started)
                if waited >= told + PROGRESS:
                    told = waited
                    _tell(f"another process is building it; waiting ({waited} s)")
                time.sleep(0.5)
        yield


def _build(module: Module, programs: list[str], folder: Path) -> None:
    what = f"{_sentence(programs)} {module.version}"
    _tell(f"building {what}; this takes minutes, and only the first time")
    for leftover in folder.glob(".building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    # A static program needs no C compiler to build and no library to run.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        for program in programs:
            command = ["go", "build", "-v", *module.flags, "-o", building / program, module.programs[program]]
            log = building / "go-build.log"
            with open(log, "wb") as output, Guarded(command, grace=5, cwd=module.folder, env=environment, stdout=output, stderr=output) as go:
                _watch(go, program, log)
                if code := go.wait():
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
                    raise Unavailable(f"{program} could not be built: go build ended with {code}. The end of what it said:\n{tail}")
            os.replace(building / program, folder / program)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    _tell(f"{what} built")


def _watch(go: Guarded, program: str, log: Path) -> None:
    """Tells how far the build is until it ends."""
    started = time.monotonic()
    while True:
        try:
            go.wait(timeout=PROGRESS)
            return
        except subprocess.TimeoutExpired:
            # With -v, Go names each package that it compiles; what it downloads it announces with a prefix of its own.
            lines = log.read_text(errors="replace").splitlines()
            downloads = sum(line.startswith("go: downloading") for line in lines)
            _tell(f"{program}: {time.monotonic() - started:.0f} s, {downloads} modules fetched, {len(lines) - downloads} packages compiled")


def _sentence(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _tell(text: str) -> None:
    print(f"control plane: {text}", file=sys.stderr, flush=True)


def _main(arguments: list[str]) -> int:
    end_on_signals()
    try:
        if arguments == ["--check"]:
            missing = _missing(_find())
            if obstacle := _obstacle(missing):
                print(f"{obstacle} to build {_sentence(missing)}")
                return 1
        else:
            for program, path in ensure().items():
                print(f"{program}: {path}")
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
