"""Builds the program so that who builds the same commit elsewhere gets the same bytes: linked statically, with its crates listed in it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from source import ROOT, Refused, Source

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import cache, lock  # noqa: E402
from guarded import Guarded  # noqa: E402

CARGO_AUDITABLE = "0.7.7"
# What the folder of the sources and cargo's own are called in the program.
SOURCES, CARGO = "/src", "/cargo"
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


def auditable() -> Path:
    """The folder of the program `cargo-auditable`, which is built unless it is there."""
    root = cache() / f"cargo-auditable-{CARGO_AUDITABLE}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with lock(root.with_suffix(".lock")):
        if not (root / "bin" / "cargo-auditable").exists():
            _run(["cargo", "install", "--locked", "--quiet", f"--root={root}", f"cargo-auditable@{CARGO_AUDITABLE}"], ROOT, dict(os.environ))
    return root / "bin"


def program(source: Source, toolchain: Toolchain, folder: Path) -> bytes:
    """The program, built in an empty folder."""
    tools = auditable()
    source.export(folder)
    cargo_home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").resolve()
    folders = {str(folder.resolve()): SOURCES, str(cargo_home): CARGO}
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    environment = {
        **kept,
        "PATH": f"{tools}:{os.environ['PATH']}",
        # As in the Dockerfile; without the names of this machine's folders, which are in messages of panics.
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(
            ["-Ctarget-feature=+crt-static", *(f"--remap-path-prefix={of}={name}" for of, name in folders.items())]
        ),
        f"CFLAGS_{toolchain.target.replace('-', '_')}": " ".join(f"-ffile-prefix-map={of}={name}" for of, name in folders.items()),
        "CARGO_TARGET_DIR": str(folder.resolve() / "target"),
        "CARGO_INCREMENTAL": "0",
        "SOURCE_DATE_EPOCH": str(source.epoch),
        **toolchain.environment,
    }
    command = ["cargo", "auditable", "build", "--release", "--locked", f"--target={toolchain.target}", "--package=ecs-keeper", "--bin=ecs-keeper"]
    _run(command, folder, environment)
    built = (folder / "target" / toolchain.target / "release" / "ecs-keeper").read_bytes()
    for name in (*folders, str(Path.home())):
        # The home of some accounts, as of a container's, is the root of all paths.
        if len(name) > 1 and f"{name}/".encode() in built:
            raise Refused(f"The program for {toolchain.architecture} contains the name of a folder of this machine ({name}), so nobody else can build the same.")
    return built


def _run(command: list, folder: Path, environment: dict[str, str]) -> None:
    with Guarded(command, grace=5, cwd=folder, env=environment, stdout=sys.stderr) as running:
        if code := running.wait():
            raise Refused(f"{' '.join(map(str, command))} ended with {code}.")


def _output(command: list, folder: Path) -> str:
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refused(f"{' '.join(command)} can't be run: {error}.") from error
