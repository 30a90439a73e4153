#!/usr/bin/env python3
"""Finds the programs of the control plane and of what checks chart, metrics and workflows, and gets those that are missing.

Some are published ready-made (archives.py), though not where every developer and every build machine may fetch them. The others, and these where their
archive can't be had, are built from the Go modules pinned beside this file: the Go module proxy has their sources, and `go.sum` says which. The finished
programs are kept in a cache folder for each module that is named by its pins, so only the first run pays, and a newer Helm builds no kube-apiserver. A
folder named by KUBEBUILDER_ASSETS (as `setup-envtest` makes it) wins over all of this: what is found there is used.

    binaries.py [PROGRAM…]          gets what is missing of these, or of all that `make test` needs, and prints where each program is
    binaries.py --check [PROGRAM…]  gets nothing; prints what would have to be installed first, and fails if that is anything
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

from archives import ARCHIVES, PROGRESS, Archive, Refused, Unreachable
from guarded import Guarded, end_on_signals

HERE = Path(__file__).resolve().parent
RELEASE_MODULES = HERE.parent.parent / "release" / "go"

# The releases of Kubernetes that `make test-versions` tries beside the one that everything else runs on, each with a module of its own.
RELEASES = ("1.30", "1.34", "1.37")


class Module:
    """A `go.mod` and the programs that are built from it."""

    def __init__(
        self, name: str, main: str, programs: dict[str, str], stamps: dict[str, str] | None = None, tags: str = "", folder: Path | None = None
    ):
        """`stamps` are the variables that the linker sets, each with a format of the version and its parts; `tags` choose among the sources;
        `folder` is where the module is, if it is not beside this file. Sources of our own in it are pins, too."""
        self.name = name
        self.folder = folder or HERE / name
        self.programs = programs
        self.pins = [path.read_bytes() for path in (self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go")))]
        text = self.pins[0].decode()
        self.version = re.search(rf"\s{re.escape(main)} v(\S+)", text).group(1)
        self.go = tuple(map(int, re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE).groups()))
        major, minor = self.version.split(".")[:2]
        stamped = {name: form.format(version=self.version, major=major, minor=minor) for name, form in (stamps or {}).items()}
        linker = "-s -w" + "".join(f" -X {name}={value}" for name, value in stamped.items())
        # -trimpath: the same sources give the same programs, wherever the checkout lies.
        self.flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", linker, *(["-tags", tags] if tags else [])]

    def cache(self) -> Path:
        """The folder of the finished programs."""
        key = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
        for pin in (*self.pins, *map(str.encode, self.flags)):
            key.update(hashlib.sha256(pin).digest())
        return cache() / f"{self.name}-{self.version}-{key.hexdigest()[:16]}"


def _kubernetes() -> Path:
    """The module of the release that ECS_KEEPER_KUBERNETES names, or of the usual one."""
    release = os.environ.get("ECS_KEEPER_KUBERNETES")
    if not release:
        return HERE / "kubernetes"
    if release not in RELEASES:
        sys.exit(f"ECS_KEEPER_KUBERNETES names {release}, but there are only {', '.join(RELEASES)}: name one of these, or unset it.")
    return HERE / f"kubernetes-{release}"


MODULES = [
    Module("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module(
        "kubernetes",
        "k8s.io/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kubectl", "kube-scheduler", "kube-proxy", "kubelet")
        },
        # Unstamped, the server calls itself v0.0.0-master, which a chart's `kubeVersion` refuses.
        {
            "k8s.io/component-base/version.gitVersion": "v{version}",
            "k8s.io/component-base/version.gitMajor": "{major}",
            "k8s.io/component-base/version.gitMinor": "{minor}",
        },
        folder=_kubernetes(),
    ),
    Module("helm", "helm.sh/helm/v4", {"helm": "helm.sh/helm/v4/cmd/helm"}, {"helm.sh/helm/v4/internal/version.version": "v{version}"}),
    Module("kubeconform", "github.com/yannh/kubeconform", {"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"}),
    Module("helm-docs", "github.com/norwoodj/helm-docs", {"helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs"}),
    Module("actionlint", "github.com/rhysd/actionlint", {"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"}),
    # Without the clients of twenty clouds, which nobody asks here and which take most of the time.
    Module(
        "prometheus",
        "github.com/prometheus/prometheus",
        {name: f"github.com/prometheus/prometheus/cmd/{name}" for name in ("promtool", "prometheus")},
        tags="remove_all_sd",
    ),
    Module("gitops", "github.com/fluxcd/cli-utils", {"gitops": "."}, folder=HERE.parent / "gitops" / "go"),
    Module(
        "crane",
        "github.com/google/go-containerregistry",
        {"crane": "github.com/google/go-containerregistry/cmd/crane"},
        folder=RELEASE_MODULES / "crane",
    ),
    Module("cosign", "github.com/sigstore/cosign/v3", {"cosign": "github.com/sigstore/cosign/v3/cmd/cosign"}, folder=RELEASE_MODULES / "cosign"),
    Module("oras", "oras.land/oras", {"oras": "oras.land/oras/cmd/oras"}, folder=RELEASE_MODULES / "oras"),
    Module("karpenter", "sigs.k8s.io/karpenter", {"karpenter": "."}, folder=HERE.parent / "karpenter" / "go"),
]
PROGRAMS = [program for module in MODULES for program in module.programs]
# What an API server consists of, and what is needed to install something on it.
API_SERVER = ("etcd", "kube-apiserver", "kubectl", "helm")
# The same, with controllers.
CONTROL_PLANE = (*API_SERVER, "kube-controller-manager")
# What a node needs beside. They run on Linux alone and only `make e2e` wants them, so they are built when they are named.
NODE = ("kube-scheduler", "kube-proxy", "kubelet")
# What only `make release` and `make release-proof` want, beside Helm: to send something to a registry, to sign it there, and to copy it with its signatures.
RELEASE = ("crane", "cosign", "oras")
# What only `make test-karpenter` wants.
KARPENTER = ("karpenter",)
USUAL = [program for program in PROGRAMS if program not in (*NODE, *RELEASE, *KARPENTER)]


class Unavailable(Exception):
    """A program is neither there nor can it be built; the text says why and what to do."""


def ensure(*wanted: str) -> dict[str, Path]:
    """The path of each of these programs, or of the usual ones, by its name. Gets what is missing, which takes minutes; progress goes to standard error."""
    if _missing(wanted):
        cache().mkdir(parents=True, exist_ok=True)
        # One lock for all modules: two builds at once would only take the processors from each other.
        with lock(cache() / ".lock"):
            _take(_missing(wanted))
            missing = _missing(wanted)
            if obstacle := _obstacle(missing):
                raise Unavailable(f"{obstacle} is needed to build {_sentence(missing)}.")
            for module in MODULES:
                if programs := [program for program in module.programs if program in missing]:
                    _build(module, programs)
    return {program: path for program, path in _find().items() if program in (wanted or USUAL)}


def _find() -> dict[str, Path]:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and os.environ.get("ECS_KEEPER_KUBERNETES"):
        raise Unavailable("KUBEBUILDER_ASSETS and ECS_KEEPER_KUBERNETES both choose a Kubernetes: unset one of them.")
    if assets and not os.path.isdir(assets):
        raise Unavailable(f"KUBEBUILDER_ASSETS names {assets}, which is not a folder: correct it, or unset it to have the programs built.")
    found = {}
    for module in MODULES:
        folders = [Path(assets).resolve()] if assets else []
        for program in module.programs:
            for folder in [*folders, module.cache()]:
                if os.access(folder / program, os.X_OK):
                    found.setdefault(program, folder / program)
    return found


def _missing(wanted: tuple[str, ...]) -> list[str]:
    found = _find()
    return [program for program in PROGRAMS if program in (wanted or USUAL) and program not in found]


def cache() -> Path:
    """Where everything is kept that takes long to make."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("ECS_KEEPER_CACHE") or caches / "ecs-keeper").absolute()


def _obstacle(missing: list[str]) -> str | None:
    """What must be installed before the missing programs can be built, or None."""
    if not missing:
        return None
    wanted = max(module.go for module in MODULES if not set(module.programs).isdisjoint(missing))
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
def lock(path: Path):
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


@contextmanager
def _unfinished(where: Path):
    """A folder in this one for what is not finished yet. It is empty at first, and gone at the end; what a killed process left goes, too."""
    for leftover in where.glob(".building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=".building-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _offered(archive: Archive, missing: list[str]) -> dict[str, Module]:
    """Those of the missing programs that an archive offers as they are pinned, with their modules."""
    pinned = {program: module for module in MODULES for program in module.programs if program in missing}
    return {program: module for program, module in pinned.items() if archive.offers(program, module.version)}


def _take(missing: list[str]) -> None:
    """Takes of the missing programs what is published ready-made."""
    for archive in ARCHIVES:
        offered = _offered(archive, missing)
        if not offered:
            continue
        try:
            with _unfinished(cache()) as folder:
                archive.take(folder, list(offered), _tell)
                for program, module in offered.items():
                    module.cache().mkdir(exist_ok=True)
                    os.replace(folder / program, module.cache() / program)
        except Refused as error:
            _tell(f"{error}; building {_sentence(list(offered))} instead")
        except Unreachable as error:
            # Most likely there is no way to the other archives either, and each would cost its time-out.
            _tell(f"{error}; building what is missing")
            return


def _build(module: Module, programs: list[str]) -> None:
    folder = module.cache()
    folder.mkdir(exist_ok=True)
    what = f"{_sentence(programs)} {module.version}"
    _tell(f"building {what}; this takes minutes, and only the first time")
    # A static program needs no C compiler to build and no library to run.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with _unfinished(folder) as building:
        for program in programs:
            command = ["go", "build", "-v", *module.flags, "-o", building / program, module.programs[program]]
            log = building / "go-build.log"
            with open(log, "wb") as output, Guarded(command, grace=5, cwd=module.folder, env=environment, stdout=output, stderr=output) as go:
                _watch(go, program, log)
                if code := go.wait():
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
                    raise Unavailable(f"{program} could not be built: go build ended with {code}. The end of what it said:\n{tail}")
            os.replace(building / program, folder / program)
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
    print(f"programs: {text}", file=sys.stderr, flush=True)


def _main(arguments: list[str]) -> int:
    end_on_signals()
    check = "--check" in arguments
    wanted = tuple(argument for argument in arguments if argument != "--check")
    if unknown := [program for program in wanted if program not in PROGRAMS]:
        print(f"There is no {_sentence(unknown)} here, but {_sentence(PROGRAMS)}.", file=sys.stderr)
        return 2
    try:
        if check:
            missing = _missing(wanted)
            # Whether an archive can be had is not known before it is asked for.
            offered = {program for archive in ARCHIVES for program in _offered(archive, missing)}
            missing = [program for program in missing if program not in offered]
            if obstacle := _obstacle(missing):
                print(f"{obstacle} to build {_sentence(missing)}")
                return 1
        else:
            for program, path in ensure(*wanted).items():
                print(f"{program}: {path}")
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
