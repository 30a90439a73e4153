"""Builds the Dockerfile into images, without a Docker engine: with buildah, in a storage of its own.

The base image is pulled if its registry can be reached. Where it can't, its place is taken by one of the same Debian release and the same toolchain, made
of Debian's packages and of this machine's Rust: what is built is then the same, for nothing of the base image but the authorities gets into the result.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from node import PAUSE, ROOT  # Puts what follows on the path.
from binaries import PROGRESS, cache, lock
from guarded import Guarded

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_TOOLCHAIN = "/usr/local/rustup/toolchain"


class BuildFailed(Exception):
    """An image can't be built; the text says why."""


class Images:
    """The images in a storage that nobody else uses for as long as this lasts."""

    def __init__(self, tell):
        """`tell` is called with a sentence before what takes long."""
        self._folder = cache() / "images"
        self._tell = tell

    @contextmanager
    def opened(self):
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        with lock(self._folder / ".lock"), tempfile.TemporaryDirectory(prefix="ecs-keeper-images-") as state:
            self._state = state
            # Of a build that was interrupted.
            self._output("rm", "--all")
            yield self

    def build(self, name: str, *chosen: str) -> None:
        """Builds the Dockerfile. `chosen` are arguments for buildah: a stage, if it is not the last one, and arguments of the Dockerfile."""
        self._have_base()
        self._tell(f"building {name}")
        mounts = [f"--volume={_rustc('--print', 'sysroot')}:{_TOOLCHAIN}:ro"]
        if AUTHORITIES.exists():
            # What this machine trusts on the way to the crates' registry, for the build alone.
            mounts.append(f"--volume={AUTHORITIES}:{AUTHORITIES}:ro")
        self._output("bud", "--layers", "--isolation=chroot", "--pull-never", *mounts, *chosen, f"--tag={name}", ROOT)

    def build_pause(self) -> None:
        """What holds a Pod's namespaces open."""
        with tempfile.TemporaryDirectory(prefix="ecs-keeper-pause-") as folder:
            self._run(["cc", "-static", "-Os", "-o", f"{folder}/pause", Path(__file__).with_name("pause.c")])
            Path(folder, "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n')
            self._output("bud", "--isolation=chroot", f"--tag={PAUSE}", folder)

    def save(self, name: str, archive: Path) -> None:
        """Writes an image into an archive."""
        self._output("push", "--quiet", name, f"docker-archive:{archive}:{name}")
        self._tell(f"{name}: {archive.stat().st_size / 1e6:.1f} MB")

    def _have_base(self) -> None:
        name = re.search(r"^ARG RUST_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE).group(1)
        version, release = re.fullmatch(r"rust:([\d.]+)-slim-(\w+)", name).groups()
        name = f"docker.io/library/{name}"
        if self._succeeds("inspect", "--type=image", name):
            return
        self._tell(f"pulling {name}")
        if self._succeeds("pull", "--quiet", name):
            return
        installed = _rustc("--version").split()[1]
        if installed != version:
            raise BuildFailed(f"{name} can't be pulled, and this machine's Rust {installed} can't take its place: install {version}.")
        self._tell(f"{name} can't be pulled; making one like it of Debian's packages")
        with tempfile.TemporaryDirectory(prefix="ecs-keeper-base-") as folder:
            self._run(["debootstrap", "--variant=minbase", "--include=gcc,libc6-dev,ca-certificates", release, f"{folder}/root"])
            container = self._output("from", "scratch").strip()
            self._output("add", "--quiet", container, f"{folder}/root", "/")
            folders = ("/usr/local/cargo/bin", f"{_TOOLCHAIN}/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
            self._output("config", "--env=CARGO_HOME=/usr/local/cargo", f"--env=PATH={':'.join(folders)}", container)
            self._output("commit", "--quiet", "--rm", container, name)

    def _succeeds(self, *arguments) -> bool:
        try:
            self._output(*arguments)
        except BuildFailed:
            return False
        return True

    def _output(self, *arguments) -> str:
        """What buildah prints; raises `BuildFailed` with what it complains of."""
        return self._run(["buildah", f"--root={self._folder / 'storage'}", f"--runroot={self._state}", "--storage-driver=overlay", *arguments])

    def _run(self, command: list) -> str:
        """What a command prints. Its mounts and processes are in namespaces of their own, so that nothing is left of it if it is interrupted."""
        own = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        log, printed = (Path(self._state, name) for name in ("log", "printed"))
        environment = {**os.environ, "TMPDIR": str(self._folder / "tmp")}
        with open(log, "wb") as errors, open(printed, "wb") as output:
            with Guarded([*own, *command], cwd=ROOT, env=environment, stdout=output, stderr=errors) as process:
                began = time.monotonic()
                while True:
                    try:
                        code = process.wait(timeout=PROGRESS)
                        break
                    except subprocess.TimeoutExpired:
                        said = (_last_lines(log, 1) or _last_lines(printed, 1)).strip()
                        self._tell(f"{time.monotonic() - began:.0f} s: {said}")
        if code:
            raise BuildFailed(f"{shlex.join(map(str, command))} ended with {code}. The end of what it said:\n{_last_lines(printed, 10)}\n{_last_lines(log, 20)}")
        return printed.read_text(errors="replace")


def _last_lines(path: Path, count: int) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def _rustc(*arguments: str) -> str:
    return subprocess.run(["rustc", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
