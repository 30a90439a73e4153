"""The shape of the provenance (https://slsa.dev/spec/v1.0/provenance)."""

import hashlib
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlparse

from build import Toolchain
from provenance import BUILDER, statement
from source import ROOT, Source
from wheels import wheel

COMMIT = "c" * 40
TOOLCHAINS = [Toolchain("amd64", "x86_64-unknown-linux-gnu", "rustc 1.2.3 (x)", "cc 4", "2.36"), Toolchain("arm64", "aarch64-unknown-linux-gnu", "rustc 1.2.4 (y)", "cc 5", "2.37")]


class Provenance(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files = [Path(folder.name, name) for name in ("program", "chart")]
        for path in self.files:
            path.write_text(path.name)

    def said(self, url=None, push=None, builder=BUILDER):
        return statement(Source(ROOT, "0.2.0", COMMIT, 0), self.files, f"sha256:{'d' * 64}", TOOLCHAINS, wheel("certifi"), "4.5.6", url, builder, push)

    def test_it_is_a_statement_about_every_file_and_the_image(self):
        said = self.said()
        self.assertEqual((said["_type"], said["predicateType"]), ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"))
        digests = {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
        self.assertEqual(digests, {**{path.name: hashlib.sha256(path.name.encode()).hexdigest() for path in self.files}, "image": "d" * 64})

    def test_it_has_what_level_1_requires(self):
        predicate = self.said()["predicate"]
        definition = predicate["buildDefinition"]
        for name in (definition["buildType"], predicate["runDetails"]["builder"]["id"]):
            self.assertTrue(urlparse(name).scheme, name)
        self.assertEqual(definition["externalParameters"], {"VERSION": "0.2.0"})

    def test_the_material_is_the_commit(self):
        first, second = self.said()["predicate"]["buildDefinition"]["resolvedDependencies"]
        self.assertEqual(first, {"name": "source", "digest": {"gitCommit": COMMIT}})
        self.assertEqual(second["digest"], {"sha256": wheel("certifi").sha256})

    def test_the_address_of_the_sources_and_the_builder_are_what_is_given(self):
        predicate = self.said(url="https://git.example.com/ecs-keeper", push="registry.example.com", builder="https://ci.example.com")["predicate"]
        self.assertEqual(predicate["buildDefinition"]["resolvedDependencies"][0]["uri"], f"git+https://git.example.com/ecs-keeper@{COMMIT}")
        self.assertEqual(predicate["buildDefinition"]["externalParameters"]["registry"], "registry.example.com")
        self.assertEqual(predicate["runDetails"]["builder"], {"id": "https://ci.example.com"})

    def test_the_compiler_of_each_architecture_is_named(self):
        toolchains = self.said()["predicate"]["buildDefinition"]["internalParameters"]["toolchains"]
        self.assertEqual({name: each["rustc"] for name, each in toolchains.items()}, {"amd64": "rustc 1.2.3 (x)", "arm64": "rustc 1.2.4 (y)"})


if __name__ == "__main__":
    unittest.main()
