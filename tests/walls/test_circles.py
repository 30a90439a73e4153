"""Tests of what looks for circles, on packages that are written for them."""

import tempfile
import unittest
from pathlib import Path

import circles


def told(files):
    """What is said of a package with these files, without the folder that they are in."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            place = Path(folder) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return [complaint.replace(f"{folder}/", "") for complaint in circles.complaints(Path(folder) / "lib.rs")]


A_AND_B = "a circle of files:\n  a.rs:1 needs b.rs\n  b.rs:1 needs a.rs"
DECLARED = "mod a;\nmod b;\n"


class Circles(unittest.TestCase):
    """Circles of files."""

    def between(self, one, other):
        """What is said of two files, one of which needs the other."""
        return told({"lib.rs": DECLARED, "a.rs": f"{one}\npub struct A;", "b.rs": f"{other}\npub struct B;"})

    def test_every_way_to_name_an_item_counts(self):
        for way in [
            "use crate::b::B;", "use super::b::B;", "use super::b::{self, B};", "use crate::{b::{B as C}, other};",
            "use super::b;", "use super::b::*;", "fn f(b: crate::b::B) {}", "fn f() { super::b::B::new() }",
            "use self::super::b::B;", "pub use super::b::B;",
        ]:
            self.assertEqual(self.between(way, "use crate::a::A;"), [A_AND_B], way)

    def test_what_the_compiler_does_not_build_into_the_program_does_not_count(self):
        for way in [
            "// use crate::b::B;", "/* use crate::b::B; */", 'const A1: &str = "crate::b::B";',
            "const A1: &str = r#\"crate::b::B\"#;", "#[cfg(test)] mod tests { use crate::b::B; mod c {} }",
            "#[cfg(test)]\nuse crate::b::B;", "use keeper_core::b::B;",
        ]:
            self.assertEqual(self.between(way, "use crate::a::A;"), [], way)

    def test_what_follows_a_lifetime_or_a_character_counts(self):
        for way in ["fn f<'a>(c: &'a str, b: &'a crate::b::B) {}", "fn f() { g('\"', crate::b::B, '\\'') }"]:
            self.assertEqual(self.between(way, "use crate::a::A;"), [A_AND_B], way)

    def test_a_chain_is_told_in_its_order_with_its_lines(self):
        found = told({
            "lib.rs": "mod a;\nmod b;\nmod c;",
            "a.rs": "\n\nuse crate::b::B;\npub struct A;",
            "b.rs": "use crate::c::C;\npub struct B;",
            "c.rs": "//! Long.\nfn f(a: crate::a::A) {}\npub struct C;",
        })
        self.assertEqual(
            found, ["a circle of files:\n  a.rs:3 needs b.rs\n  b.rs:1 needs c.rs\n  c.rs:2 needs a.rs"])

    def test_a_re_export_leads_to_the_file_that_defines_the_item(self):
        files = {
            "lib.rs": "mod room;\nmod b;",
            "room/mod.rs": "mod a;\nmod c;\npub use a::{A as Other};\npub use c::*;",
            "room/a.rs": "use crate::b::B;\npub struct A;",
            "room/c.rs": "pub struct C;",
            "b.rs": "use crate::room::C;\npub struct B;",
        }
        self.assertEqual(told(files), [], "it needs room/c.rs alone")
        files["b.rs"] = "use crate::room::Other;\npub struct B;"
        self.assertEqual(told(files), ["a circle of files:\n  room/a.rs:1 needs b.rs\n  b.rs:1 needs room/a.rs"])
        files |= {"b.rs": "use crate::room::C;\npub struct B;", "room/c.rs": "use crate::b::B;\npub struct C;"}
        self.assertEqual(told(files), ["a circle of files:\n  room/c.rs:1 needs b.rs\n  b.rs:1 needs room/c.rs"])

    def test_a_parent_that_uses_its_children_is_needed_by_them(self):
        found = told({
            "lib.rs": "mod a;", "a.rs": "mod c;\npub struct A;\nfn f() { c::g() }", "a/c.rs": "use super::A;\npub fn g() {}",
        })
        self.assertEqual(found, ["a circle of files:\n  a.rs:3 needs a/c.rs\n  a/c.rs:1 needs a.rs"])


class Rooms(unittest.TestCase):
    """What would hide a circle, or a room."""

    def test_a_module_s_root_only_declares(self):
        found = told({"lib.rs": "mod a;", "a/mod.rs": "mod c;\npub use c::C;\npub const N: u8 = 1;", "a/c.rs": "pub struct C;"})
        self.assertEqual(found, ["a/mod.rs defines N: it should only declare and re-export"])

    def test_an_impl_stands_in_the_file_of_its_type(self):
        found = told({
            "lib.rs": DECLARED, "a.rs": "use crate::b::B;\nimpl<T: Clone> B<T> {\n}\nimpl Clone for B {}",
            "b.rs": "pub struct B<T>(T);\nimpl<T> B<T> {}",
        })
        self.assertEqual(found, ["a.rs has an `impl B`, which belongs to b.rs"])

    def test_a_name_tells_the_room(self):
        files = {"lib.rs": "mod a;\nmod b;\nmod c;\nmod retention;", "a.rs": "", "b/mod.rs": "mod a;\nmod retention;", "c/mod.rs": "",
                 "b/a.rs": "", "b/retention.rs": "", "retention.rs": ""}
        self.assertEqual(told(files), ["files of one name: a.rs, b/a.rs"])


if __name__ == "__main__":
    unittest.main()
