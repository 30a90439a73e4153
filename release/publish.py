"""Sends a release to a registry: crane and Helm do it, without a Docker engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from charts import NAME
from release import IMAGE, Release
from source import ROOT, Refused

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import ensure  # noqa: E402


def push(release: Release) -> tuple[str, str]:
    """Sends image and chart to the registry of the release; their references, by digest."""
    programs = ensure("crane", "helm")
    registry, version = release.place.registry, release.source.version
    image, chart = f"{registry}/{NAME}", f"{registry}/charts/{NAME}"
    there = _digest(programs["crane"], f"{image}:{version}")
    if there not in (None, release.image.digest):
        raise Refused(f"{image}:{version} is {there} already, and a release is never replaced: give this one another version.")
    _run([programs["crane"], "push", release.folder / IMAGE, f"{image}:{version}"])
    pushed = _digest(programs["crane"], f"{image}:{version}")
    if pushed != release.image.digest:
        raise Refused(f"{image}:{version} is {pushed} after the push, and not {release.image.digest}.")
    _run([programs["helm"], "push", *(["--plain-http"] if on_loopback(registry) else []), release.chart, f"oci://{registry}/charts"])
    return f"{image}@{pushed}", f"{chart}@{_digest(programs['crane'], f'{chart}:{version}')}"


def on_loopback(registry: str) -> bool:
    """Whether a registry is on this machine, and so without TLS, as crane takes it to be."""
    return re.match(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|/|$)", registry) is not None


def _digest(crane: Path, reference: str) -> str | None:
    done = subprocess.run([crane, "digest", reference], capture_output=True, text=True)
    return None if done.returncode else done.stdout.strip()


def _run(command: list) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"{Path(command[0]).name} {command[1]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
