"""Sends a release to a registry: crane and Helm do it, without a Docker engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import layout
from charts import NAME
from release import IMAGE
from source import ROOT, Refused

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import ensure  # noqa: E402

# What registries answer when they have nothing of that name. Some say of a repository that is not there yet that nobody may read it.
ABSENT = re.compile(r"MANIFEST_UNKNOWN|NAME_UNKNOWN|404 Not Found|DENIED|UNAUTHORIZED")


def push(folder: Path, registry: str, version: str) -> tuple[str, str]:
    """Sends image and chart of the release in a folder to the registry that it was made for; their references, by digest."""
    programs = ensure("crane", "helm")
    crane = programs["crane"]
    image, chart = f"{registry}/{NAME}", f"{registry}/charts/{NAME}"
    archive = folder / f"{NAME}-{version}.tgz"
    content = f"sha256:{layout.sha256(archive.read_bytes())}"
    digest = layout.read(folder / IMAGE).digest
    there = _manifest(crane, f"{image}:{version}")
    if there is not None and _digest(there) != digest:
        raise _taken(f"{image}:{version}", _digest(there))
    there = _manifest(crane, f"{chart}:{version}")
    if there is not None and content not in _layers(there):
        raise _taken(f"{chart}:{version}", _digest(there))
    _run([crane, "push", folder / IMAGE, f"{image}:{version}"])
    _run([programs["helm"], "push", *(["--plain-http"] if on_loopback(registry) else []), archive, f"oci://{registry}/charts"])
    pushed, pushed_chart = (_manifest(crane, f"{each}:{version}") or b"{}" for each in (image, chart))
    if _digest(pushed) != digest or content not in _layers(pushed_chart):
        raise Refused(f"{registry} has not what was pushed: the image is {_digest(pushed)}, and not {digest}, or the chart is another one.")
    return f"{image}@{digest}", f"{chart}@{_digest(pushed_chart)}"


def on_loopback(registry: str) -> bool:
    """Whether a registry is on this machine, and so without TLS, as crane takes it to be."""
    return re.match(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|/|$)", registry) is not None


def _taken(reference: str, digest: str) -> Refused:
    return Refused(f"{reference} is {digest} already, and a release is never replaced: give this one another version.")


def _manifest(crane: Path, reference: str) -> bytes | None:
    """What the registry has under a name, or None if it has nothing."""
    done = subprocess.run([crane, "manifest", reference], capture_output=True)
    if done.returncode and not ABSENT.search(done.stderr.decode()):
        raise Refused(f"crane can't ask for {reference}:\n{done.stderr.decode()}")
    return None if done.returncode else done.stdout


def _digest(manifest: bytes) -> str:
    return f"sha256:{layout.sha256(manifest)}"


def _layers(manifest: bytes) -> list[str]:
    return [layer["digest"] for layer in json.loads(manifest).get("layers", [])]


def _run(command: list) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"{' '.join(map(str, [Path(command[0]).name, *command[1:3]]))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
