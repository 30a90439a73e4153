"""What may be released, and what is said when it may not."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from source import CHART, Refused, notes, source

CHANGELOG = """\
# Changes

## Unreleased

* New.

## 0.2.0 - 2026-01-02

### Added

* A thing.

## 0.2

* No version of ours.
"""


class Sources(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("Cargo.toml", '[workspace.package]\nversion = "0.2.0"\n\n[dependencies]\nother = { version = "1" }\n')
        self.write(CHART / "Chart.yaml", "apiVersion: v2\nversion: 0.2.0\nappVersion: 0.2.0\n")
        self.git("init", "--quiet")
        self.commit()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def git(self, *arguments):
        moment = "2026-01-02T03:04:05Z"
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "a@b"), ("DATE", moment))}
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, env={**os.environ, **who})

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")

    def refused(self, version="0.2.0"):
        with self.assertRaises(Refused) as raised:
            source(version, self.root)
        return str(raised.exception)

    def test_a_clean_commit_of_the_version_has_its_own_time(self):
        found = source("0.2.0", self.root)
        self.assertEqual((found.version, found.epoch, len(found.commit)), ("0.2.0", 1767323045, 40))

    def test_what_is_exported_is_what_is_committed(self):
        self.write(".gitignore", "/target\n")
        self.commit()
        self.write("target/left", "over")
        with tempfile.TemporaryDirectory() as folder:
            source("0.2.0", self.root).export(Path(folder))
            self.assertEqual(sorted(path.name for path in Path(folder).iterdir()), [".gitignore", "Cargo.toml", "deploy"])
            self.assertEqual(int(Path(folder, "Cargo.toml").stat().st_mtime), 1767323045)

    def test_another_version_is_refused_with_the_file_that_says_otherwise(self):
        self.assertEqual(self.refused("0.3.0"), "VERSION is 0.3.0, but Cargo.toml says 0.2.0: release that version, or change the file first.")
        self.assertIn("VERSION is not given, but Cargo.toml says 0.2.0", self.refused(""))
        self.write(CHART / "Chart.yaml", "version: 0.2.0\nappVersion: 0.1.0\n")
        self.assertIn(f"but appVersion in {CHART}/Chart.yaml says 0.1.0", self.refused())
        self.write(CHART / "Chart.yaml", 'version: "0.1.9"\nappVersion: 0.2.0\n')
        self.assertIn(f"but version in {CHART}/Chart.yaml says 0.1.9", self.refused())

    def test_a_changed_file_is_named(self):
        self.write("Cargo.toml", '[workspace.package]\nversion = "0.2.0"\n# changed\n')
        self.assertEqual(self.refused(), "The work tree is not what is committed (Cargo.toml): commit or remove this first.")

    def test_a_new_file_is_named_and_no_more_than_three_are(self):
        for name in ("a file.txt", "b", "c", "d"):
            self.write(name, "")
        self.assertIn("(a file.txt, b, c and 1 more)", self.refused())

    def test_a_file_that_was_only_staged_is_named(self):
        self.git("mv", "Cargo.toml", "Moved.toml")
        self.write("Cargo.toml", '[workspace.package]\nversion = "0.2.0"\n# changed\n')
        self.assertIn("Moved.toml", self.refused())


class Notes(unittest.TestCase):
    def test_the_section_of_the_version_is_taken(self):
        self.assertEqual(notes(CHANGELOG, "0.2.0"), ("0.2.0 - 2026-01-02", "### Added\n\n* A thing.\n"))

    def test_a_version_without_a_section_has_what_is_unreleased(self):
        self.assertEqual(notes(CHANGELOG, "0.3.0"), ("Unreleased", "* New.\n"))

    def test_a_changelog_without_either_is_refused(self):
        with self.assertRaisesRegex(Refused, "neither a section 0.3.0 nor a section Unreleased"):
            notes("# Changes\n\n## 0.1.0\n\n* Old.\n", "0.3.0")


if __name__ == "__main__":
    unittest.main()
