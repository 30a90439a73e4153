"""When a release that was made before is sent."""

import json
import tempfile
import unittest
from pathlib import Path

import layout
from release import IMAGE, SUMS, Place, opened, sums
from source import ROOT, Refused, Source

COMMIT = "c" * 40
EPOCH = 1767323045
REGISTRY = "registry.example.com"


class Opened(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.image = layout.write(self.folder / IMAGE, {"amd64": []}, {}, 0)
        definition = {"externalParameters": {"registry": REGISTRY}, "resolvedDependencies": [{"digest": {"gitCommit": COMMIT}}]}
        (self.folder / "ecs-keeper-0.2.0.intoto.json").write_text(json.dumps({"predicate": {"buildDefinition": definition}}))
        (self.folder / "ecs-keeper-0.2.0.tgz").touch()
        (self.folder / SUMS).write_text(sums(self.folder))

    def open(self, commit=COMMIT, registry=REGISTRY):
        return opened(Source(ROOT, "0.2.0", commit, EPOCH), Place(registry), self.folder)

    def test_what_was_made_of_this_commit_for_this_registry_is_as_it_was(self):
        opened = self.open()
        self.assertEqual((opened.image, opened.chart.stat().st_mtime), (self.image, EPOCH))

    def test_what_was_signed_before_may_be_signed_again(self):
        (self.folder / "cosign.pub").touch()
        self.open()

    def test_what_was_made_of_another_commit_or_for_another_registry_is_refused(self):
        for arguments in ({"commit": "d" * 40}, {"registry": "other.example.com"}, {"registry": None}):
            with self.subTest(arguments), self.assertRaisesRegex(Refused, f"was made of {COMMIT} for {REGISTRY}, and not of "):
                self.open(**arguments)

    def test_a_file_that_was_changed_is_named(self):
        with open(self.folder / "ecs-keeper-0.2.0.intoto.json", "a") as file:
            file.write("\n")
        with self.assertRaisesRegex(Refused, r"are not as they were made \(ecs-keeper-0.2.0.intoto.json\)"):
            self.open()

    def test_a_folder_without_a_release_is_told(self):
        (self.folder / SUMS).unlink()
        with self.assertRaisesRegex(Refused, "There is no release in "):
            self.open()


if __name__ == "__main__":
    unittest.main()
