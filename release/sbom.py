"""The bill of materials, from what `cargo auditable` leaves in a program: the crates that were compiled for it, and for which target.

So it needs no other program, and speaks of the program and not of what a manifest allows; cargo-cyclonedx reads the manifest. The format is CycloneDX.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import uuid
import zlib
from datetime import datetime, timezone
from urllib.parse import quote

# The section that `cargo auditable` adds.
SECTION = ".dep-v0"
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "ecs-keeper.io")


def audited(program: bytes) -> list[dict]:
    """The crates that a program for Linux says that it was made of."""
    if program[:6] != b"\x7fELF\x02\x01":
        raise ValueError("This is no 64-bit little-endian ELF program.")
    (table,) = struct.unpack_from("<Q", program, 40)
    size, count, names = struct.unpack_from("<HHH", program, 58)
    # Of each section: the place of its name in the section of names, its place in the file, and its length.
    sections = [struct.unpack_from("<I20xQQ", program, table + size * number) for number in range(count)]
    for name, offset, length in sections:
        start = sections[names][1] + name
        if program[start : program.index(b"\0", start)].decode() == SECTION:
            return json.loads(zlib.decompress(program[offset : offset + length]))["packages"]
    raise ValueError(f"The program has no section {SECTION}: it was built without `cargo auditable`.")


def of_program(program: bytes, lock: str, linked: list[dict], version: str, architecture: str, epoch: int) -> dict:
    """The bill of a program. `lock` is the text of Cargo.lock, which has the crates' checksums; `linked` is what is in the program beside crates."""
    packages = audited(program)
    (root,) = [package for package in packages if package.get("root")]
    component = {
        **_crate(root, lock),
        "type": "application",
        "hashes": _hashes(program),
        "properties": [{"name": "ecs-keeper:platform", "value": f"linux/{architecture}"}],
    }
    if component["version"] != version:
        raise ValueError(f"The program is {component['version']} and not {version}.")
    crates = [_crate(package, lock) for package in packages if not package.get("root")]
    needs = [
        {"ref": _reference(package), "dependsOn": sorted(_reference(packages[number]) for number in package.get("dependencies", []))} for package in packages
    ]
    for need in needs:
        if need["ref"] == component["bom-ref"]:
            need["dependsOn"] = sorted([*need["dependsOn"], *(each["bom-ref"] for each in linked)])
    return _bill(component, [*crates, *linked], [*needs, *({"ref": each["bom-ref"]} for each in linked)], epoch)


def of_image(program: dict, digest: str, files: list[dict], version: str, architecture: str, epoch: int) -> dict:
    """The bill of an image: of the program in it, whose bill is given, and of the files beside it, as components."""
    component = {
        "type": "container",
        "bom-ref": f"pkg:oci/ecs-keeper@{quote(digest, safe='')}?arch={architecture}",
        "name": "ecs-keeper",
        "version": version,
        "purl": f"pkg:oci/ecs-keeper@{quote(digest, safe='')}?arch={architecture}",
        "hashes": [{"alg": "SHA-256", "content": digest.split(":")[1]}],
    }
    contained = program["metadata"]["component"]
    holds = {"ref": component["bom-ref"], "dependsOn": sorted([contained["bom-ref"], *(file["bom-ref"] for file in files)])}
    needs = [holds, *program["dependencies"], *({"ref": file["bom-ref"]} for file in files)]
    return _bill(component, [contained, *files, *program["components"]], needs, epoch)


def linked(name: str, version: str) -> dict:
    """A library that is no crate as a component."""
    reference = f"pkg:generic/{quote(name)}@{quote(version)}"
    return {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}


def file(path: str, content: bytes, **told: str) -> dict:
    """A file of an image as a component."""
    return {"type": "file", "bom-ref": path, "name": path, "hashes": _hashes(content), **told}


def _bill(component: dict, components: list[dict], dependencies: list[dict], epoch: int) -> dict:
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "component": component},
        "components": sorted(components, key=lambda each: each["bom-ref"]),
        "dependencies": sorted(dependencies, key=lambda each: each["ref"]),
    }
    # Not by chance, so that two builds give one bill.
    bill["serialNumber"] = uuid.uuid5(_NAMESPACE, json.dumps(bill, sort_keys=True)).urn
    return bill


def _crate(package: dict, lock: str) -> dict:
    crate = {"type": "library", "bom-ref": _reference(package), "name": package["name"], "version": package["version"], "purl": _reference(package)}
    if package.get("kind") == "build":
        # Run to build the program, and no part of it.
        crate["scope"] = "excluded"
    stanza = rf'^name = "{re.escape(package["name"])}"\nversion = "{re.escape(package["version"])}"\nsource = "{re.escape(CRATES_IO)}"\nchecksum = "(\w+)"$'
    if found := re.search(stanza, lock, re.MULTILINE):
        crate["hashes"] = [{"alg": "SHA-256", "content": found.group(1)}]
    return crate


def _reference(package: dict) -> str:
    return f"pkg:cargo/{quote(package['name'])}@{quote(package['version'])}"


def _hashes(content: bytes) -> list[dict]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]
