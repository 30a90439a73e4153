#!/usr/bin/env python3
"""Checks the commands of the pages: what they name has to be there.

A command is a line of a block of the language console that begins with `$ `, or a word of code that begins with the name of a program.

| Program | What is checked | By what it is checked |
|---|---|---|
| ecs-keeper | subcommands, flags, their values, the number of arguments | docs/cli.md, which is made from the definition of the command line |
| kubectl | kinds, conditions, the fields that a jsonpath or a patch names, ClusterRoles | docs/fields.md, which is made from the CRDs; the CRDs; the chart |
| make | targets | the Makefile |

Nothing is run. tests/chart asks kubectl and Helm whether they know the flags and the values, and tests/e2e runs the quick start.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from pages import ROOT, SUMMARY, targets

# It also has the commands of former versions.
CHANGES = Path("CHANGELOG.md")

# What the pages ask of a cluster beside our own kinds.
KINDS = {"crd", "deploy", "deployment", "lease", "leases", "namespace", "node", "nodes", "pods"}

# How many words stand between a verb of kubectl and the kind; verbs that are missing take none.
BEFORE_KIND = {
    "auth": 2,
    "rollout": 1,
    **dict.fromkeys(["delete", "describe", "events", "exec", "get", "logs", "patch", "port-forward", "scale", "wait"], 0),
}

# Flags of kubectl that the pages give a value as a word of its own.
KUBECTL_VALUES = {"-n", "--namespace", "-o", "--output", "-l", "--selector", "-f", "--filename", "-p", "--type", "--as", "--for"}

# What stands for words that the page leaves out.
ELLIPSES = {"…", "..."}


class Wrong(Exception):
    """A command names something that is not there."""


@dataclass
class Flag:
    """A flag of ecs-keeper."""

    takes_value: bool
    values: set[str] = field(default_factory=set)
    """Those that are possible; empty: any."""


@dataclass
class Command:
    """A subcommand of ecs-keeper, or the program itself."""

    flags: dict[str, Flag] = field(default_factory=dict)
    places: list[Flag] = field(default_factory=list)
    """The arguments without a name, in their order."""


def program(page: str) -> dict[str, Command]:
    """The command line, by the words of each subcommand, as docs/cli.md describes it."""
    commands = {}
    for section in re.split(r"^## `(?=ecs-keeper)", page, flags=re.MULTILINE)[1:]:
        name, rest = section.split("`", 1)
        command = commands[name.removeprefix("ecs-keeper").strip()] = Command({"--help": Flag(False), "-h": Flag(False)})
        for entry in re.split(r"^\* (?=`)", rest, flags=re.MULTILINE)[1:]:
            described = entry.split(" — ")[0]
            names = re.findall(r"`(-{1,2}[\w-]+)", described)
            flag = Flag("<" in described, possible(entry))
            command.flags.update(dict.fromkeys(names, flag))
            if described.startswith("`<"):
                command.places.append(flag)
    return commands


def possible(entry: str) -> set[str]:
    """The possible values in the description of a flag or an argument: in a line, or one in each line."""
    values = entry.partition("Possible values:")[2]
    line = values.split("\n")[0]
    return set(re.findall(r"`([^`]+)`", line) or re.findall(r"^  - `([^`]+)`:", values, re.MULTILINE))


def check_ecs_keeper(words: list[str], commands: dict[str, Command]) -> None:
    """Checks what follows the name of the program."""
    rest = [word for word in words if word not in ELLIPSES]
    if rest[:1] == ["help"] or not rest:
        return
    name = ""
    while rest and f"{name} {rest[0]}".strip() in commands:
        name = f"{name} {rest.pop(0)}".strip()
    command, called, found = commands[name], f"ecs-keeper {name}".strip(), 0
    while rest:
        word, _, value = rest.pop(0).partition("=")
        if word.startswith("-") and word != "-":
            if word not in command.flags:
                raise Wrong(f"`{called}` has no flag {word}")
            flag = command.flags[word]
            if flag.takes_value and not value:
                if not rest:
                    # A page may name the flag alone.
                    continue
                value = rest.pop(0)
        else:
            found += 1
            if found > len(command.places):
                raise Wrong(f"`{called}` takes no argument {word}")
            flag, value = command.places[found - 1], word
        # In capitals, it stands for a value.
        if flag.values and value not in flag.values and not value.isupper():
            raise Wrong(f"`{called}` does not take {value}, but {', '.join(sorted(flag.values))}")


@dataclass
class Kind:
    """A custom resource."""

    fields: set[str] = field(default_factory=set)
    """Such as `status.instances[].reason`."""
    conditions: set[str] = field(default_factory=set)


def kinds(page: str, definitions: list[str]) -> dict[str, Kind]:
    """Our kinds by each name that kubectl knows, with the fields in docs/fields.md."""
    found = {}
    for definition in definitions:
        names = dict(re.findall(r"^    (kind|plural|singular): (\w+)$", definition, re.MULTILINE))
        short = re.search(r"shortNames:\n    - (\w+)", definition).group(1)
        kind = Kind()
        for part in ("spec", "status"):
            table = page.split(f"## {names['kind']}: {part}\n")[1].split("<!-- end -->")[0]
            kind.fields |= {f"{part}.{name}" for name in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)}
            for described in re.findall(r"^\| `conditions` \|(.*)$", table, re.MULTILINE):
                kind.conditions |= set(re.findall(r"`(\w+)`", described))
        plural = names["plural"]
        found.update(dict.fromkeys([plural, names["singular"], short, f"{plural}.ecs-keeper.io"], kind))
    return found


def check_kubectl(words: list[str], ours: dict[str, Kind], roles: set[str]) -> None:
    """Checks what follows `kubectl`."""
    named, given = [], []
    rest = list(words)
    while rest and rest[0] != "--":
        word = rest.pop(0)
        if not word.startswith("-"):
            named.append(word)
        elif word in KUBECTL_VALUES and rest:
            given.append(f"{word}={rest.pop(0)}")
        else:
            given.append(word)
    verb, *objects = [word for word in named if word not in ELLIPSES] or [""]
    objects = objects[BEFORE_KIND[verb] :] if verb in BEFORE_KIND else []
    objects += [word.removeprefix("--for=") for word in given if verb == "events" and word.startswith("--for=")]
    asked = []
    for name in objects[0].split("/")[0].split(",") if objects else []:
        if name in ours:
            asked.append(ours[name])
        elif name not in KINDS:
            raise Wrong(f"there is no kind {name}")
    for word in given:
        condition = re.fullmatch(r"--for=condition=(\w+)", word)
        role = re.fullmatch(r"--clusterrole=(\S+)", word)
        if role and role.group(1) not in roles:
            raise Wrong(f"the chart has no ClusterRole {role.group(1)}")
        for kind in asked:
            if condition and condition.group(1) not in kind.conditions:
                raise Wrong(f"{objects[0]} has no condition {condition.group(1)}")
            wanted = paths(word.partition("jsonpath=")[2]) + (members(json.loads(word[3:])) if word.startswith("-p=") else [])
            for path in wanted:
                if path.split(".")[0] in {"spec", "status"} and path not in kind.fields | {"spec", "status"}:
                    raise Wrong(f"{objects[0]} has no field {path}")


def members(patch: dict | list, around: str = "") -> list[str]:
    """The fields that a merge patch names, as `paths` has them."""
    if isinstance(patch, list):
        return [name for each in patch for name in members(each, f"{around}[]")]
    if not isinstance(patch, dict):
        return []
    below = [(f"{around}.{name}".removeprefix("."), value) for name, value in patch.items()]
    return [name for path, value in below for name in [path, *members(value, path)]]


def paths(expression: str) -> list[str]:
    """The fields that a jsonpath names, such as `status.instances[].reason`."""
    found, around = [], ""
    for inner in re.findall(r"\{([^{}]*)\}", expression):
        inside = inner.removeprefix("range ")
        if not inside.startswith((".", "@")):
            around = "" if inner == "end" else around
            continue
        base = around
        for step in re.findall(r"\.\w+|\[[^\]]*\]", inside):
            if step.startswith("."):
                base = f"{base}{step}".removeprefix(".")
                continue
            base += "[]"
            found += [f"{base}.{tested}" for tested in re.findall(r"@\.(\w+)", step)]
        # A list of objects begins anew with each of them.
        base = "" if base == "items[]" else base
        found += [base.removesuffix("[]")] if base else []
        around = base if inner.startswith("range ") else around
    return found


@dataclass(frozen=True)
class Known:
    """What the commands are compared with."""

    commands: dict[str, Command]
    kinds: dict[str, Kind]
    roles: set[str]
    makefile: set[str]


def check_make(words: list[str], makefile: set[str]) -> None:
    """Checks what follows `make`."""
    for word in words:
        if "=" not in word and word not in makefile | ELLIPSES:
            raise Wrong(f"the Makefile has no target {word}")


def commands_of(text: str) -> list[str]:
    """The commands of a page. What is generated is left out: it is made from what it would be compared with."""
    text = re.sub(r"<!-- [\w-]+: generated by .*?<!-- end -->", "", text, flags=re.DOTALL)
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    # Up to the first line that is not a part of it: a line goes on after a backslash, an operator or an open quote.
    shown = []
    for block in blocks:
        for command in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            lines = command.splitlines()
            taken = lines.pop(0)
            while lines and (taken.rstrip().endswith("&&") or taken.count("'") % 2):
                taken += "\n" + lines.pop(0)
            shown.append(taken)
    plain = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    code = (" ".join(span.replace("\\|", "|").split()) for span in re.findall(r"`([^`]+)`", plain))
    return shown + [span for span in code if span.startswith(("ecs-keeper ", "helm ", "kubectl ", "make "))]


def simple(command: str) -> list[list[str]]:
    """The words of each simple command in a line of the shell."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    found = [[]]
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            found.append([])
        else:
            found[-1].append(word)
    return found


def mistakes(page: str, text: str, known: Known) -> list[str]:
    """What is wrong in the commands of a page."""
    found = []
    for command in commands_of(text):
        for words in simple(command):
            try:
                if words[:3] == ["cargo", "run", "--"]:
                    words = ["ecs-keeper", *words[3:]]
                if words[:1] == ["make"]:
                    check_make(words[1:], known.makefile)
                if words[:1] == ["kubectl"] and words[1:2] != ["ecs-keeper"]:
                    check_kubectl(words[1:], known.kinds, known.roles)
                    words = words[words.index("--") + 1 :] if "--" in words else []
                if words[:1] == ["kubectl"]:
                    words = words[1:]
                if words[:1] == ["ecs-keeper"]:
                    check_ecs_keeper(words[1:], known.commands)
            except Wrong as wrong:
                found.append(f"{page}: {wrong}: {command}")
    return found


def read() -> Known:
    """What the commands are compared with."""
    definitions = [file.read_text() for file in sorted((ROOT / "crds").glob("*.yaml"))]
    chart = ROOT / "deploy" / "charts" / "ecs-keeper" / "templates"
    names = r'\{\{ include "ecs-keeper.fullname" \. \}\}(-\w+)$'
    roles = {role for file in chart.iterdir() for role in re.findall(names, file.read_text(), re.MULTILINE)}
    fields = (ROOT / "docs" / "fields.md").read_text()
    makefile = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return Known(
        commands=program((ROOT / "docs" / "cli.md").read_text()),
        kinds=kinds(fields, definitions),
        roles={f"ecs-keeper{role}" for role in roles},
        makefile=set(makefile),
    )


def main() -> int:
    """Names every mistake in the pages of the book."""
    known = read()
    found, checked = [], 0
    for page in targets(SUMMARY):
        if page != CHANGES:
            text = (ROOT / page).read_text()
            checked += len(commands_of(text))
            found += mistakes(str(page), text, known)
    if found:
        print(*found, sep="\n", file=sys.stderr)
        return 1
    print(f"{checked} commands of the pages name what is there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
