"""Builds the program so that who builds the same commit elsewhere gets the same bytes: linked statically, with its crates listed in it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from source import ROOT, Refused, Source

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import cache, lock  # noqa: E402
from guarded import Guarded  # noqa: E402

CARGO_AUDITABLE = "0.7.7"
# Settings of whoever builds that would change what is built.
FOREIGN = re.compile(r"RUST(C|FLAGS|UP_TOOLCHAIN)|CARGO_(BUILD|TARGET|PROFILE|ENCODED|INCREMENTAL|UNSTABLE)|(HOST_|TARGET_)?(CC|CXX|AR|CFLAGS|CXXFLAGS|LDFLAGS|CPPFLAGS)(_|$)")


@dataclass(frozen=True)
class Toolchain:
    """What builds the program for one architecture."""

    architecture: str
    """As Go and the Open Container Initiative call it."""
    target: str
    compiler: str
    """What the Rust compiler says of itself."""
    linker: str
    """What the C compiler says of itself, which compiles the C sources and links."""
    libc: str
    """The version of the C library that is linked."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def rust(self) -> str:
        """The version of the Rust compiler, and of its library, which is linked."""
        return self.compiler.split()[1]


def toolchains(root: Path = ROOT) -> list[Toolchain]:
    """The toolchains of this machine."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise Refused("A release is built on Linux on x86_64: its programs are linked with that machine's C library.")
    compiler = _output(["rustc", "--version", "--verbose"], root)
    linker = _output(["cc", "--version"], root).splitlines()[0]
    return [Toolchain("amd64", "x86_64-unknown-linux-gnu", compiler, linker, libc=os.confstr("CS_GNU_LIBC_VERSION").split()[1])]


def program(source: Source, toolchain: Toolchain, folder: Path) -> bytes:
    """The program, built in a folder that is empty, or has what an earlier build has left there."""
    auditable = _output([ROOT / "tests" / "program.sh", "crate", "cargo-auditable", CARGO_AUDITABLE], ROOT)
    sources, target = folder.resolve() / "source", folder.resolve() / "target"
    source.export(sources)
    cargo_home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").resolve()
    folders = {sources: "/src", target: "/target", cargo_home: "/cargo"}
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    environment = {
        **kept,
        # As in the Dockerfile; without the names of this machine's folders, which are in messages of panics.
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(
            ["-Ctarget-feature=+crt-static", *(f"--remap-path-prefix={path}={name}" for path, name in folders.items())]
        ),
        f"CFLAGS_{toolchain.target.replace('-', '_')}": " ".join(f"-ffile-prefix-map={path}={name}" for path, name in folders.items()),
        "CARGO_TARGET_DIR": str(target),
        "CARGO_INCREMENTAL": "0",
        # For C sources that contain the date. By that of the commit cargo would compile them, and what needs them, anew for each commit.
        "SOURCE_DATE_EPOCH": "0",
        **toolchain.environment,
    }
    # As cargo would call it if it were on the PATH.
    command = [auditable, "auditable", "build", "--release", "--locked", f"--target={toolchain.target}", "--package=ecs-keeper", "--bin=ecs-keeper"]
    with Guarded(command, grace=5, cwd=sources, env=environment, stdout=sys.stderr) as running:
        if code := running.wait():
            raise Refused(f"cargo auditable build for {toolchain.architecture} ended with {code}.")
    built = (target / toolchain.target / "release" / "ecs-keeper").read_bytes()
    for path in (*folders, Path.home()):
        # The home of some accounts, as of a container's, is the root of all paths.
        if path != Path("/") and f"{path}/".encode() in built:
            raise Refused(f"The program for {toolchain.architecture} contains the name of a folder of this machine ({path}), so nobody else can build the same.")
    return built


def draft(source: Source, toolchain: Toolchain) -> bytes:
    """The program, built in a folder that is kept, so that the crates that it depends on are not compiled for each commit."""
    folder = cache() / f"release-draft-{toolchain.architecture}"
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder.with_suffix(".lock")):
        return program(source, toolchain, folder)


def twice(source: Source, toolchain: Toolchain, folder: Path) -> bytes:
    """The program, if two builds in folders of other names are equal."""
    programs = [program(source, toolchain, folder / name) for name in ("once", "a-second-time")]
    if programs[0] != programs[1]:
        kept = Path(tempfile.mkdtemp(prefix="ecs-keeper-differing-"))
        for number, built in enumerate(programs):
            (kept / str(number)).write_bytes(built)
        raise Refused(f"Two builds for {toolchain.architecture} differ; both programs are in {kept}.")
    return programs[0]


def _output(command: list, folder: Path) -> str:
    try:
        return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refused(f"{' '.join(map(str, command))} can't be run: {error}.") from error
