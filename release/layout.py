"""Writes images in the layout of the Open Container Initiative, the same bytes for the same files.

What stands in them is what the Dockerfile says, which `test_layout.py` compares.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

PROGRAM = "/usr/local/bin/ecs-keeper"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
LICENSE = "/LICENSE"
# How the program is run.
RUN = {"User": "65532:65532", "Env": ["PATH=/usr/local/bin"], "Entrypoint": [PROGRAM], "Cmd": ["run"]}


@dataclass(frozen=True)
class File:
    """A file of an image."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Image:
    """An image that was written: its digest, and those of its parts by their architecture."""

    digest: str
    manifests: dict[str, str]


def layer(files: list[File], epoch: int) -> tuple[bytes, bytes]:
    """An archive of the files and of their folders, all of root's and of one time, as it is and compressed."""
    folders = sorted({str(folder) for file in files for folder in PurePosixPath(file.path).parents if str(folder) != "/"})
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in folders:
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, epoch
            archive.addfile(entry)
        for file in sorted(files, key=lambda file: file.path):
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(file.content), file.mode, epoch
            archive.addfile(entry, io.BytesIO(file.content))
    packed = io.BytesIO()
    # By this class and not by gzip.compress(), whose header is another one in Python 3.11.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as compressed:
        compressed.write(plain.getvalue())
    return plain.getvalue(), packed.getvalue()


def write(folder: Path, images: dict[str, list[File]], labels: dict[str, str], epoch: int) -> Image:
    """Writes an index with an image for each architecture into a folder."""
    created = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def keep(media_type: str, content: bytes) -> dict:
        digest = sha256(content)
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    manifests = []
    for architecture, files in sorted(images.items()):
        plain, packed = layer(files, epoch)
        platform = {"architecture": architecture, "os": "linux"}
        config = {
            **platform,
            "created": created,
            "config": {**RUN, "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(plain)}"]},
            "history": [{"created": created, "created_by": "make release"}],
        }
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": keep(CONFIG, _json(config)), "layers": [keep(LAYER, packed)]}
        manifests.append({**keep(MANIFEST, _json(manifest)), "platform": platform})
    index = keep(INDEX, _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": labels}))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]}))
    return _image(index, manifests)


def read(folder: Path) -> Image:
    """The image that was written into a folder."""
    (index,) = json.loads((folder / "index.json").read_text())["manifests"]
    manifests = json.loads((folder / "blobs" / "sha256" / index["digest"].split(":")[1]).read_text())["manifests"]
    return _image(index, manifests)


def sha256(content: bytes) -> str:
    """The checksum by which content is addressed."""
    return hashlib.sha256(content).hexdigest()


def _image(index: dict, manifests: list[dict]) -> Image:
    return Image(index["digest"], {manifest["platform"]["architecture"]: manifest["digest"] for manifest in manifests})


def _json(value: dict) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
