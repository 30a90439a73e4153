"""What may be released, and what is said when it may not."""

import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from source import CHART, Refused, declared, draft_notes, notes, source

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
        self.assertEqual((found.version, found.epoch, len(found.commit)), (declared(self.root), 1767323045, 40))

    def test_what_is_exported_is_what_is_committed(self):
        self.write(".gitignore", "/target\n")
        self.commit()
        self.write("target/left", "over")
        with tempfile.TemporaryDirectory() as folder:
            source("0.2.0", self.root).export(Path(folder))
            self.assertEqual(sorted(path.name for path in Path(folder).iterdir()), [".gitignore", "Cargo.toml", "deploy"])

    def test_a_draft_leaves_new_files_out_and_no_change(self):
        self.write("new", "file")
        commit = source("0.2.0", self.root, new_files=True)
        with tempfile.TemporaryDirectory() as folder:
            commit.export(Path(folder))
            self.assertFalse(Path(folder, "new").exists())
        with self.assertRaisesRegex(Refused, r"not what is committed \(new\)"):
            source("0.2.0", self.root)
        with open(self.root / "Cargo.toml", "a") as cargo:
            cargo.write("# Changed.\n")
        with self.assertRaisesRegex(Refused, r"not what is committed \(Cargo\.toml\)"):
            source("0.2.0", self.root, new_files=True)

    def test_of_two_exports_into_one_folder_the_second_is_there_and_what_did_not_change_is_as_old_as_before(self):
        self.write("kept", "kept")
        self.write("changed", "before")
        self.write("folder/removed", "")
        self.commit()
        with tempfile.TemporaryDirectory() as folder:
            exported = source("0.2.0", self.root).export(Path(folder))
            for path in ("kept", "changed"):
                os.utime(exported / path, (1, 1))
            began = int(time.time())
            self.write("changed", "after")
            self.git("rm", "-r", "--quiet", "folder")
            self.commit()
            source("0.2.0", self.root).export(exported)
            self.assertEqual((exported / "changed").read_text(), "after")
            self.assertGreaterEqual((exported / "changed").stat().st_mtime, began)
            self.assertEqual((exported / "kept").stat().st_mtime, 1)
            self.assertFalse((exported / "folder" / "removed").exists())

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
        self.assertEqual(notes(CHANGELOG.replace("* New.\n", ""), "0.2.0"), "### Added\n\n* A thing.")

    def test_nothing_is_released_that_the_notes_would_leave_out(self):
        with self.assertRaisesRegex(Refused, r"changes that are Unreleased: give this section the title `## 0\.2\.0 - \d{4}-\d\d-\d\d`"):
            notes(CHANGELOG, "0.2.0")

    def test_a_title_without_a_date_or_without_a_text_is_no_section(self):
        for changelog in ("## 0.3.0\n\n* A thing.\n", "## 0.3.0 - 2026-01-02\n\n## 0.2.0 - 2026-01-01\n\n* A thing.\n", "# Changes\n"):
            with self.subTest(changelog), self.assertRaisesRegex(Refused, "says nothing under a title such as `## 0.3.0 - "):
                notes(changelog, "0.3.0")

    def test_a_draft_has_the_first_section_whatever_that_is(self):
        self.assertEqual(draft_notes(CHANGELOG), "* New.")
        self.assertEqual(draft_notes("# Changes\n\n## 0.2.0 - 2026-01-02\n\n* A thing.\n"), "* A thing.")
        self.assertEqual(draft_notes("# Changes\n"), "")


if __name__ == "__main__":
    unittest.main()
