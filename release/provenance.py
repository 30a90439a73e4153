"""What was built of what, and by what: a statement of in-toto with the provenance of SLSA 1.0.

It is what level 1 of SLSA's build track asks for, and no more: whoever makes the release writes it himself.
"""

from __future__ import annotations

import hashlib
import platform
import zlib
from pathlib import Path

from build import CARGO_AUDITABLE, Toolchain
from source import Source
from wheels import Wheel

# Names, and no addresses of pages (RFC 4151).
BUILD_TYPE = "tag:ecs-keeper.io,2026:make-release/v1"
BUILDER = "tag:ecs-keeper.io,2026:builder/unknown"


def statement(
    source: Source, files: list[Path], image: str, toolchains: list[Toolchain], authorities: Wheel, helm: str, url: str | None, builder: str, push: str | None
) -> dict:
    """`files` and the index of the image with the digest `image` are what was built. `url` is where the sources are, and `push` where the release goes."""
    commit = {"name": "source", "digest": {"gitCommit": source.commit}}
    if url:
        commit["uri"] = f"git+{url}@{source.commit}"
    compilers = {
        each.architecture: {
            "target": each.target,
            "rustc": each.compiler,
            "cc": each.linker,
            "libc": each.libc,
            "cargo-auditable": CARGO_AUDITABLE,
        }
        for each in toolchains
    }
    subjects = [{"name": path.name, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}} for path in sorted(files)]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [*subjects, {"name": "image", "digest": {"sha256": image.split(":")[1]}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"VERSION": source.version, **({"registry": push} if push else {})},
                # What the bytes depend on beside: compressed layers on zlib, the chart on Helm.
                "internalParameters": {"toolchains": compilers, "python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION, "helm": helm},
                "resolvedDependencies": [
                    commit,
                    {"name": authorities.name, "uri": authorities.purl, "digest": {"sha256": authorities.sha256}},
                ],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }
