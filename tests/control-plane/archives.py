"""The archives in which projects publish programs ready-made, and how one is taken.

An archive is trusted for its checksum alone, so it may come from anywhere. ECS_KEEPER_MIRROR names another place that has them, a URL (http, https or
file) below which each lies under its own name; empty, it says that none is to be asked for. A proxy is taken from the environment as usual.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import platform
import posixpath
import shutil
import sys
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

# Seconds that a server has to answer, and to go on.
TIMEOUT = 5
# Seconds that an archive has to arrive: building takes not much longer.
PATIENCE = 120
# Seconds between two lines of progress.
PROGRESS = 15
# Go's names of machines, where the kernel has others.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class Unreachable(Exception):
    """Nothing came from there, or not enough of it. The text says what and why, without a full stop."""


class Refused(Exception):
    """What came is not what is pinned. The text says what and why, without a full stop."""


@dataclass(frozen=True)
class Archive:
    """What is pinned of an archive."""

    url: str
    """With a place for the platform."""
    programs: dict[str, str]
    """The versions of the programs that are taken from it."""
    algorithm: str
    checksums: dict[str, str]
    """For each platform."""

    def offers(self, program: str, version: str) -> bool:
        """Whether this version of the program may be looked for in it on this platform."""
        return _mirror() != "" and _platform() in self.checksums and self.programs.get(program) == version

    def take(self, folder: Path, programs: list[str], tell) -> None:
        """Fetches it to a folder, where it stays, writes these programs there, and tells how far it is. Raises `Unreachable` or `Refused`."""
        url = self._url()
        checksum = hashlib.new(self.algorithm)
        with open(folder / "archive", "w+b") as file:
            for block in _download(url, tell):
                checksum.update(block)
                file.write(block)
            if checksum.hexdigest() != self.checksums[_platform()]:
                raise Refused(f"{url} has another {self.algorithm.upper()} checksum than the one that is pinned")
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:gz") as archive:
                members = {posixpath.basename(member.name): member for member in archive if member.isfile()}
                if lacking := [program for program in programs if program not in members]:
                    raise Refused(f"{url} does not hold {' and '.join(lacking)}")
                for program in programs:
                    with open(folder / program, "wb") as target:
                        shutil.copyfileobj(archive.extractfile(members[program]), target)
                    (folder / program).chmod(0o755)
        tell(f"{' and '.join(programs)} taken from {url}")

    def _url(self) -> str:
        url = self.url.format(platform=_platform())
        mirror = _mirror()
        return url if mirror is None else f"{mirror.rstrip('/')}/{posixpath.basename(url)}"


# A newer version: change it here and in the `go.mod` that builds it, with the checksums that its project publishes. If there are none, take the
# archive out: its programs are then built.
ARCHIVES = [
    # Checksums: envtest-releases.yaml of kubernetes-sigs/controller-tools. Version of etcd: hack/envtest/_matrix there.
    Archive(
        "https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-v1.36.2/envtest-v1.36.2-{platform}.tar.gz",
        {"etcd": "3.6.8", "kube-apiserver": "1.36.2", "kubectl": "1.36.2"},
        "sha512",
        {
            "darwin-amd64": "b4fe9f973cd1992e3880f8b230ed32c0c243b83371591e3e3315f4404df2cdbef8ee94eeb9bb245b7e5feb987d5c4a76c43e0877654ab73f00d7bbc2b9984514",
            "darwin-arm64": "9278f9e5af556b2f1f2d139769c1f0d717c7b4426917fdebdba898bcb725a916e4910d6160886194ff9be9589ea7c5c32c2b8ae0754703874b7c8ba8ddfc41ce",
            "linux-amd64": "ea743186c8a799f5cf8faf16969f86189d003cb7d130e0ac4b58789f1e5748dcf30ebe91c837a10d5ac415383da3e10b9e64d65785c938c23e739781cfb76f08",
            "linux-arm64": "2d72ee985a8e262a3c57dc9f7f0fd891f6a8c7bf7ebaa2db6dc6d8eac8ae28181afe51c1f368b67756cdb40b10de9b205609e1726e5f27f7c6d824dd9c6649ac",
        },
    ),
    # Checksums: the release notes of Helm v4.3.0, as published dependency updates quote them.
    Archive(
        "https://get.helm.sh/helm-v4.3.0-{platform}.tar.gz",
        {"helm": "4.3.0"},
        "sha256",
        {
            "darwin-amd64": "347a784877e0e20eac865e8d1c36a80f6bb0861d6f29abd34defb6570ef95d92",
            "darwin-arm64": "d3870437e1e95b67f8edbde964156c84a26503f560821d40c542441658934fba",
            "linux-amd64": "86584a54def73570558f66f5111cc53dfed56689637ae32c1201205d494f54fb",
            "linux-arm64": "31c5794dd55c66a51e6b7d2e2ac7a114ae8b1de41ff1d9ba51748ac973b06a08",
        },
    ),
]


def _mirror() -> str | None:
    return os.environ.get("ECS_KEEPER_MIRROR")


def _platform() -> str:
    machine = platform.machine()
    return f"{sys.platform}-{MACHINES.get(machine, machine)}"


def _download(url: str, tell):
    """The blocks of what is there."""
    started = told = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            arrived, whole = 0, int(answer.headers.get("content-length") or 0)
            while block := answer.read(1 << 18):
                yield block
                arrived += len(block)
                now = time.monotonic()
                if now - started > PATIENCE:
                    raise Unreachable(f"{url} can't be had ({arrived >> 20} of {whole >> 20} MB in {PATIENCE} s)")
                if now - told > PROGRESS:
                    told = now
                    tell(f"{url}: {arrived >> 20} of {whole >> 20} MB fetched")
    except urllib.error.HTTPError as error:
        raise Refused(f"{url} can't be had (HTTP {error.code})") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Only what fails while the request is sent becomes a URLError, with the cause as its reason.
        raise Unreachable(f"{url} can't be had ({getattr(error, 'reason', error)})") from None
