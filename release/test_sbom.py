"""The bill of materials, read from a program of a few bytes."""

import hashlib
import json
import struct
import unittest
import zlib

import sbom

LOCK = """\
[[package]]
name = "left"
version = "1.0.0+x"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "abc123"

[[package]]
name = "ecs-keeper"
version = "0.2.0"
dependencies = [
 "left",
]
"""
PACKAGES = [
    {"name": "ecs-keeper", "version": "0.2.0", "source": "local", "dependencies": [1, 2], "root": True},
    {"name": "left", "version": "1.0.0+x", "source": "crates.io"},
    {"name": "maker", "version": "3.0.0", "source": "crates.io", "kind": "build"},
]
GLIBC = sbom.linked("glibc", "2.36")


def program(section=sbom.SECTION, packages=PACKAGES):
    """An ELF file with two sections: what it was made of, and their names."""
    content = zlib.compress(json.dumps({"packages": packages}).encode())
    names = b"\0" + section.encode() + b"\0.shstrtab\0"
    table = 64 + len(content) + len(names)
    header = b"\x7fELF\x02\x01\x01".ljust(40, b"\0") + struct.pack("<Q", table) + struct.pack("<I", 0).ljust(10, b"\0") + struct.pack("<HHH", 64, 2, 1)
    sections = b"".join(
        struct.pack("<I20xQQ24x", name, offset, length) for name, offset, length in ((1, 64, len(content)), (len(section) + 2, 64 + len(content), len(names)))
    )
    return header + content + names + sections


def bill(binary=None, version="0.2.0"):
    return sbom.of_program(binary or program(), LOCK, [GLIBC], version, "amd64", 0)


class Bills(unittest.TestCase):
    def test_each_crate_is_a_component_with_the_checksum_of_the_lock_file(self):
        crates = {each["purl"]: each for each in bill()["components"]}
        self.assertEqual(sorted(crates), ["pkg:cargo/left@1.0.0%2Bx", "pkg:cargo/maker@3.0.0", "pkg:generic/glibc@2.36"])
        self.assertEqual(crates["pkg:cargo/left@1.0.0%2Bx"]["hashes"], [{"alg": "SHA-256", "content": "abc123"}])
        self.assertNotIn("hashes", crates["pkg:cargo/maker@3.0.0"])

    def test_what_only_builds_is_no_part(self):
        self.assertEqual({each["name"]: each.get("scope") for each in bill()["components"]}, {"left": None, "maker": "excluded", "glibc": None})

    def test_the_program_is_the_subject_with_its_checksum(self):
        component = bill()["metadata"]["component"]
        self.assertEqual((component["name"], component["version"], component["type"]), ("ecs-keeper", "0.2.0", "application"))
        self.assertEqual(component["hashes"], [{"alg": "SHA-256", "content": hashlib.sha256(program()).hexdigest()}])

    def test_every_dependency_leads_to_a_component(self):
        made = bill()
        known = {each["bom-ref"] for each in [*made["components"], made["metadata"]["component"]]}
        self.assertEqual({each["ref"] for each in made["dependencies"]}, known)
        needs = {each["ref"]: each.get("dependsOn", []) for each in made["dependencies"]}
        self.assertEqual(needs["pkg:cargo/ecs-keeper@0.2.0"], ["pkg:cargo/left@1.0.0%2Bx", "pkg:cargo/maker@3.0.0", "pkg:generic/glibc@2.36"])

    def test_two_bills_of_one_program_are_equal_and_another_has_another_number(self):
        self.assertEqual(bill(), bill())
        self.assertNotEqual(bill()["serialNumber"], bill(program(packages=PACKAGES[:1] + PACKAGES[1:2] + [{**PACKAGES[2], "version": "3.0.1"}]))["serialNumber"])

    def test_the_image_holds_the_program_and_the_files_beside_it(self):
        files = [sbom.file("/LICENSE", b"license")]
        made = sbom.of_image(bill(), f"sha256:{'1' * 64}", files, "0.2.0", "amd64", 0)
        self.assertEqual(made["metadata"]["component"]["purl"], f"pkg:oci/ecs-keeper@sha256%3A{'1' * 64}?arch=amd64")
        self.assertEqual(made["metadata"]["component"]["hashes"][0]["content"], "1" * 64)
        self.assertEqual(len(made["components"]), len(bill()["components"]) + 2)
        (holds,) = [each["dependsOn"] for each in made["dependencies"] if each["ref"].startswith("pkg:oci/")]
        self.assertEqual(holds, ["/LICENSE", "pkg:cargo/ecs-keeper@0.2.0"])

    def test_a_program_that_does_not_say_what_it_is_made_of_is_an_error(self):
        for binary, sentence in ((program(section=".other"), "without `cargo auditable`"), (b"#!/bin/sh\n", "no 64-bit little-endian ELF")):
            with self.subTest(sentence), self.assertRaisesRegex(ValueError, sentence):
                bill(binary)

    def test_a_program_of_another_version_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "The program is 0.2.0 and not 0.3.0"):
            bill(version="0.3.0")


if __name__ == "__main__":
    unittest.main()
