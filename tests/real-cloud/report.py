"""Compares the answers of two clouds, and writes what differs so that it can be shown to anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass

from probe import Answer

# A part of an IPv6 address.
WORD = "[0-9a-f]{1,4}"

# What tells whose account it was. What an expression finds gets the name, and a number for each thing of its own.
SECRETS = (
    ("request", re.compile(r"\b[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}\b", re.I)),
    ("key", re.compile(r"\b(?:LTAI|STS\.)[0-9A-Za-z]{8,}")),
    ("mac", re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", re.I)),
    ("address", re.compile(r"(?<!\w)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?(?!\w|\.\d)")),
    ("address", re.compile(rf"(?<![\w:])(?:{WORD}:){{2,7}}(?::?{WORD})?(?:/\d+)?(?![\w:])", re.I)),
    ("address", re.compile(rf"(?<![\w:])(?:{WORD}:)*:(?::?{WORD})+(?:/\d+)?(?![\w:])", re.I)),
    ("run", re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b")),
    ("id", re.compile(r"\b(?:i|eni|vpc|vsw|sg|asg|asa|asc|rg|m|d|s|lt|eip|ssh|acl|rtb)-[0-9a-z][0-9a-z-]{5,}\b")),
    ("account", re.compile(r"(?<!\w)\d{12,20}(?!\w)")),
    # Whatever else is long and has digits and letters mixed, such as an encoded message.
    ("text", re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w+/=-]{24,}")),
)


class Placeholders:
    """Puts the same placeholder for the same secret."""

    def __init__(self, known: dict[str, str] | None = None):
        """`known` are secrets that no expression would find, each with the name of its placeholder."""
        self._known = sorted((known or {}).items(), key=lambda item: -len(item[0]))
        self._given: dict[tuple[str, str], str] = {}

    def __call__(self, text: str) -> str:
        for secret, name in self._known:
            if secret:
                text = text.replace(secret, f"<{name}>")
        for name, expression in SECRETS:
            text = expression.sub(lambda found, name=name: self._give(name, found.group()), text)
        return text

    def _give(self, name: str, secret: str) -> str:
        number = sum(1 for known, _ in self._given if known == name) + 1
        return self._given.setdefault((name, secret), f"<{name}-{number}>")


@dataclass(frozen=True)
class Difference:
    """One observation in which the two differ."""

    label: str
    simulated: str
    real: str
    message: str


def differences(real: Answer, simulated: Answer) -> list[Difference]:
    """Where the answers differ. What could not be asked in one of the two is no difference."""
    found, expected = ({item.label: item for item in answer.observations} for answer in (real, simulated))
    unasked = {**real.unasked, **simulated.unasked}
    ends_early = "the rest of the story" in unasked
    differing = []
    for label in dict.fromkeys([*expected, *found]):
        here, there = (answer[label].value if label in answer else None for answer in (expected, found))
        if here == there or label in unasked or (ends_early and None in (here, there)):
            continue
        message = found[label].message if label in found else ""
        differing.append(Difference(label, here or "(not reached)", there or "(not reached)", message))
    return differing


def render(pairs: list[tuple[Answer, Answer]], *, place: dict[str, str], placeholders: Placeholders) -> str:
    """The report, in Markdown."""
    differing = [(real, found) for real, simulated in pairs if (found := differences(real, simulated))]
    count = sum(len(found) for _, found in differing)
    title = f"{count} difference{'' if count == 1 else 's'}" if count else "No differences"
    lines = [f"# {title} between the cloud and the simulator", ""]
    lines += [f"{name}: {value}  " for name, value in place.items()]
    lines += [f"Probes: {len(pairs)}, of which {len(differing)} found a difference", ""]
    for real, found in differing:
        lines += [f"## {real.probe.name}", "", *_about(real), "", "| Observed | Simulator | Cloud |", "|---|---|---|"]
        lines += [f"| {_cell(each.label)} | {_cell(each.simulated)} | {_cell(each.real)} |" for each in found]
        said = {each.real: each.message for each in found if each.message}
        lines += ["", *(f"The cloud says with {code}: {_cell(message)}" for code, message in said.items())] if said else []
        lines += [""]
    lines += _list("Not asked", {f"{real.probe.name}, {label}": why for real, _ in pairs for label, why in real.unasked.items()})
    lines += _list("Measured", {f"{real.probe.name}, {label}": value for real, _ in pairs for label, value in real.measured.items()})
    agreeing = [real.probe.name for real, simulated in pairs if not differences(real, simulated)]
    lines += ["## As the simulator has it", "", ", ".join(agreeing) or "nothing", ""]
    return placeholders("\n".join(lines))


def _about(answer: Answer) -> list[str]:
    return [" ".join(answer.probe.question.split()), "", f"Documented: {' '.join(answer.probe.claimed.split())}"]


def _list(title: str, items: dict[str, str]) -> list[str]:
    return [f"## {title}", "", *(f"* {name}: {value}" for name, value in items.items()), ""] if items else []


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
