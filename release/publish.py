"""Sends a release to a registry and signs it there: crane, Helm and cosign do it, without a Docker engine."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import layout
from charts import NAME
from release import IMAGE, SUMS, Release
from source import ROOT, Refused

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import ensure  # noqa: E402

PUBLIC_KEY = "cosign.pub"
BUNDLE = f"{SUMS}.sigstore.json"
# Where cosign looks for the password of a key.
PASSWORD = "COSIGN_PASSWORD"
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
    # Not the same once more: it would have another digest if the file has another time.
    if there is None:
        _run([programs["helm"], "push", *(["--plain-http"] if on_loopback(registry) else []), archive, f"oci://{registry}/charts"])
    pushed, pushed_chart = (_manifest(crane, f"{each}:{version}") or b"{}" for each in (image, chart))
    if _digest(pushed) != digest or content not in _layers(pushed_chart):
        raise Refused(f"{registry} has not what was pushed: the image is {_digest(pushed)}, and not {digest}, or the chart is another one.")
    return f"{image}@{digest}", f"{chart}@{_digest(pushed_chart)}"


class Signer:
    """Signs by key, or keyless if there is none.

    With a key, cosign asks nobody but the registry: it is told of no log, of no authority for time stamps, and whom to trust (nobody), which it would
    otherwise ask Sigstore. Keyless, it takes a short-lived certificate for whoever is logged in, and writes it into the public log of Sigstore.
    """

    def __init__(self, key: Path | None, folder: Path):
        """`folder` is an empty one that lasts as long as this."""
        self._cosign = ensure("cosign")["cosign"]
        self._folder = folder
        self._how = []
        self.public_key = None
        """The text of the public key, if there is one."""
        if key:
            if PASSWORD not in os.environ:
                os.environ[PASSWORD] = getpass.getpass(f"The password of {key}: ")
            # Now and not when it is needed, so that a wrong password is told before anything is built.
            self.public_key = _run([self._cosign, "public-key", f"--key={key}"])
            self._how = [f"--key={key}"]
            for what in ("signing-config", "trusted-root"):
                _run([self._cosign, what, "create", f"--out={folder / what}"])
                self._how.append(f"--{what}={folder / what}")

    def image(self, reference: str) -> None:
        """Signs what has this digest, and the image of each architecture in it."""
        _run([self._cosign, "sign", "--yes", "--recursive", *self._how, reference])

    def attest(self, reference: str, kind: str, predicate: dict) -> None:
        """States something about what has this digest."""
        path = self._folder / "predicate.json"
        path.write_text(json.dumps(predicate))
        _run([self._cosign, "attest", "--yes", *self._how, f"--type={kind}", f"--predicate={path}", reference])

    def file(self, path: Path, bundle: Path) -> None:
        """Signs a file; the signature is another one."""
        _run([self._cosign, "sign-blob", "--yes", *self._how, f"--bundle={bundle}", path])
        # cosign makes it for its owner alone.
        bundle.chmod(0o644)


def sign(release: Release, signer: Signer, image: str, chart: str) -> None:
    """Signs what was pushed, and attaches the provenance and the bills of materials."""
    predicate = json.loads(release.provenance.read_text())["predicate"]
    for reference in (image, chart):
        signer.image(reference)
        signer.attest(reference, "slsaprovenance1", predicate)
    for architecture, digest in release.image.manifests.items():
        signer.attest(f"{image.split('@')[0]}@{digest}", "cyclonedx", json.loads(release.bill(architecture).read_text()))


def sign_files(release: Release, signer: Signer) -> None:
    """Signs the checksums, and so all files."""
    signer.file(release.folder / SUMS, release.folder / BUNDLE)
    if signer.public_key:
        (release.folder / PUBLIC_KEY).write_text(signer.public_key)


def on_loopback(registry: str) -> bool:
    """Whether a registry is on this machine, and so without TLS, as crane and cosign take it to be."""
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
