"""What the cluster pulls: the release of the commit that is checked out, and images of the Dockerfile."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from images import Images
from node import ROOT  # Puts what follows on the path.

sys.path.insert(0, str(ROOT / "release"))

from binaries import RELEASE, ensure  # noqa: E402
from charts import NAME  # noqa: E402
from page import Reader  # noqa: E402
from publish import PASSWORD, Signer, on_loopback, push, sign, sign_files  # noqa: E402
from release import IMAGE, Place, draft, opened  # noqa: E402
from source import Refused, declared, source  # noqa: E402

_RELEASE = "release"
SIMULATOR = "ecs-simulator"
# Of what is built from the Dockerfile.
_TAG = "e2e"


@dataclass(frozen=True)
class Artifacts:
    """What a registry has; the images by digest."""

    registry: str
    version: str
    image: str
    """Of the release, as its chart names it."""
    chart_by_digest: str
    """Of the release, by digest."""
    from_dockerfile: str
    """Another image, with another build of the same program."""
    simulator: str

    @property
    def plain_http(self) -> bool:
        """Whether the registry is on this machine, and speaks no TLS."""
        return on_loopback(self.registry)

    @property
    def chart(self) -> tuple[str, ...]:
        """The chart of the release, in words for Helm."""
        return (f"oci://{self.registry}/charts/{NAME}", f"--version={self.version}", *(("--plain-http",) if self.plain_http else ()))


def make(images: Images, folder: Path, registry: str, tell) -> None:
    """Makes in a folder what a registry is to have. `tell` is called with a sentence before what takes long."""
    tell(f"building the release of {declared()}")
    release = draft(Place(registry), folder / _RELEASE)
    compressed = sum(path.stat().st_size for path in (release.folder / IMAGE).rglob("*") if path.is_file())
    program = release.program("amd64").stat().st_size
    tell(f"{NAME}@{release.image.digest}: {compressed / 1e6:.1f} MB compressed, of a program of {program / 1e6:.1f} MB")
    # Whether the Dockerfile's image works does not depend on how far its program is optimised.
    for name, chosen in ((NAME, "--build-arg=PROFILE=demo"), (SIMULATOR, "--target=simulator")):
        images.build(f"localhost/{name}:{_TAG}", chosen)
        images.save(f"localhost/{name}:{_TAG}", _archive(folder, name))


def push_all(folder: Path, registry: str) -> Artifacts:
    """Sends what a folder has to the registry that it was made for."""
    version = declared()
    image, chart = push(folder / _RELEASE, registry, version)
    from_dockerfile, simulator = (_push(_archive(folder, name), f"{registry}/{name}:{_TAG}") for name in (NAME, SIMULATOR))
    return Artifacts(registry, version, image, chart, from_dockerfile, simulator)


def sign_release(folder: Path, artifacts: Artifacts) -> Reader:
    """Signs what was pushed of the release, and its files, by a key of its own; who has what it takes to verify it."""
    programs = ensure(*RELEASE)
    os.environ[PASSWORD] = "of a key that lasts as long as this test"
    release = opened(source(declared(), new_files=True), Place(artifacts.registry), folder / _RELEASE)
    with tempfile.TemporaryDirectory(prefix="ecs-keeper-signing-") as temporary:
        key = Path(temporary, "release")
        subprocess.run([programs["cosign"], "generate-key-pair", f"--output-key-prefix={key}"], check=True, capture_output=True)
        signer = Signer(key.with_suffix(".key"), Path(temporary))
        sign_files(release, signer)
        sign(release, signer, artifacts.image, artifacts.chart_by_digest)
    return Reader(release.folder, programs, artifacts.registry, artifacts.version)


def _archive(folder: Path, name: str) -> Path:
    return folder / f"{name}.tar"


def _push(archive: Path, reference: str) -> str:
    """Sends an archive; its reference by digest, which crane prints."""
    done = subprocess.run([ensure("crane")["crane"], "push", archive, reference], capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"crane can't push {reference}:\n{done.stderr}")
    return done.stdout.strip()
