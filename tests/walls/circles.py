#!/usr/bin/env python3
"""Fails when source files of one package need each other in a circle: there is no order in which such files can be read.

A file needs another when it names something that is defined there: through `crate`, `super`, `self`, a child module, or a
name that a `use` brought in. A re-export leads on to the file that defines the item. Comments, strings and test modules
don't count.

Methods are not resolved. That no circle hides behind one, the `impl` blocks of a type have to stand in its file. `mod.rs`
and `lib.rs` only declare and re-export, and no two files have the same name: a name tells in which room one is.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

PACKAGES = {"alicloud": "crates/alicloud/src", "simulator": "crates/simulator/src", "core": "crates/core/src", "operator": "src"}
ROOTS = ("lib.rs", "main.rs", "mod.rs")
# Both kinds of resource have these rooms.
PAIRS = ("protection.rs", "retention.rs", "mod.rs", "tests.rs")

NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\\\'])\'', re.DOTALL)
TEST = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*[^;{]*(;|\{)")
USE = re.compile(r"(\bpub\b[^;\n]*)?\buse\s+([^;]+);")
MOD = re.compile(r"^(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", re.MULTILINE)
ITEM = re.compile(r"^(?:pub(?:\([^)]*\))?\s+)?(?:const\s+|async\s+|unsafe\s+)*"
                  r"(?:fn|struct|enum|union|trait|type|static|const|macro_rules!)\s+(\w+)", re.MULTILINE)
IMPL = re.compile(r"^impl\b(?:<[^{]*?>)?\s+(\w+)(?:<[^{]*>)?\s*(?:where[^{]*)?\{", re.MULTILINE)
PATH = re.compile(r"(?<![\w:.])(?:\w+::)+\w+")


def blank(match):
    """Nothing but the line breaks, so that line numbers stay."""
    return "\n" * match.group().count("\n") or " "


def stripped(text):
    """The source without comments, strings and what is compiled for tests alone."""
    text = NOISE.sub(blank, text)
    while test := TEST.search(text):
        end, depth = test.end(), test.group(1) == "{"
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[:test.start()] + "\n" * text.count("\n", test.start(), end) + text[end:]
    return text


def imports(tree, prefix=()):
    """The paths of a `use` declaration, each with the name that it is known by: `*` for everything."""
    tree = tree.strip()
    if brace := re.match(r"((?:\w+\s*::\s*)*)\{(.*)\}$", tree, re.DOTALL):
        prefix += tuple(re.findall(r"\w+", brace.group(1)))
        depth, start, inner = 0, 0, brace.group(2) + ","
        for at, sign in enumerate(inner):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            if sign == "," and not depth:
                yield from imports(inner[start:at], prefix)
                start = at + 1
    elif tree:
        path, _, name = tree.partition(" as ")
        path = prefix + tuple(re.findall(r"\w+|\*", path))
        path = path[:-1] if path[-1] == "self" and len(path) > 1 else path
        yield path, name.strip() or path[-1]


class Module:
    """A source file, as the module that it is."""

    def __init__(self, file, parent=None):
        self.file, self.parent, self.children, self.imported, self.globs = file, parent, {}, {}, []
        self.text = stripped(file.read_text())
        self.items = set(ITEM.findall(self.text))
        for use in USE.finditer(self.text):
            for path, name in imports(use.group(2)):
                self.globs.append(path[:-1]) if name == "*" else self.imported.setdefault(name, path)
        home = file.parent if file.name in ROOTS else file.with_suffix("")
        for name in MOD.findall(self.text):
            place = home / f"{name}.rs"
            self.children[name] = Module(place if place.exists() else home / name / "mod.rs", self)

    def all(self):
        """This module and all that are under it."""
        yield self
        for child in self.children.values():
            yield from child.all()

    def resolve(self, path, seen=frozenset()):
        """The module that defines what a path means; `None` if that is none of this package's."""
        here = self
        for at, name in enumerate(path):
            if name in ("crate", "self", "super"):
                while name == "crate" and here.parent:
                    here = here.parent
                here = here.parent if name == "super" else here
            elif name in here.children:
                here = here.children[name]
            elif name in here.items:
                return here
            elif (here, name) in seen:
                return None
            else:
                seen |= {(here, name)}
                if name in here.imported:
                    return here.resolve(here.imported[name] + path[at + 1:], seen)
                found = (here.resolve(glob + path[at:], seen) for glob in here.globs)
                return next((module for module in found if module), None)
        return here

    def needs(self):
        """The modules that this one needs, each with the first line that names it."""
        found = {}
        uses = [(use.start(2), path) for use in USE.finditer(self.text)
                for path, _ in imports(use.group(2)) if not (use.group(1) and self.file.name in ROOTS)]
        inline = [(path.start(), tuple(path.group().split("::"))) for path in PATH.finditer(USE.sub(blank, self.text))]
        for at, path in uses + inline:
            module = self.resolve(path[:-1] if path[-1] == "*" else path)
            if module and module is not self:
                found.setdefault(module, self.text.count("\n", 0, at) + 1)
        return found


def circle(module, needs):
    """The shortest way from a module back to itself."""
    ways, seen = [[module]], set()
    for way in ways:
        for following in needs[way[-1]]:
            if following is module:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def complaints(root):
    """What is wrong with a package, a text each: every file in a circle is in one that is told."""
    modules = list(Module(root).all())
    needs = {module: module.needs() for module in modules}
    told, names = set(), defaultdict(list)
    for module in modules:
        way = circle(module, needs)
        if way and module not in told:
            told.update(way)
            yield "a circle of files:" + "".join(
                f"\n  {one.file}:{needs[one][other]} needs {other.file}" for one, other in zip(way, way[1:] + way[:1]))
        if module.file.name in ROOTS and module.items:
            yield f"{module.file} defines {', '.join(sorted(module.items))}: it should only declare and re-export"
        for name in IMPL.findall(module.text):
            # What no file defines a macro does, in the same file.
            if (home := module.resolve((name,))) not in (module, None):
                yield f"{module.file} has an `impl {name}`, which belongs to {home.file}"
        names[module.file.name].append(str(module.file))
    for name, files in names.items():
        if len(files) > 1 and name not in PAIRS:
            yield f"files of one name: {', '.join(files)}"


def main():
    """Tells what is wrong with the packages."""
    broken = False
    for folder in PACKAGES.values():
        for complaint in complaints(Path(folder) / "lib.rs"):
            print(complaint, file=sys.stderr)
            broken = True
    sys.exit(broken)


if __name__ == "__main__":
    main()
