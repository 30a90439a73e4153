"""How members of an answer are written, without what they say."""

from __future__ import annotations

import re

TIMES = {
    "a time by the minute": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ"),
    "a time by the second": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
}


def shape(value) -> str:
    """The JSON type of a member, or that it is not there. Times and empty texts are told from other texts."""
    if value is MISSING:
        return "missing"
    if value is None:
        return "null"
    if value == "":
        return "an empty text"
    if isinstance(value, str):
        return next((name for name, form in TIMES.items() if form.fullmatch(value)), "a text")
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


class _Missing:
    pass


MISSING = _Missing()


def member(item, path: str):
    """A member, by the names that lead to it."""
    for name in path.split("."):
        if not isinstance(item, dict) or name not in item:
            return MISSING
        item = item[name]
    return item


def shapes(item: dict, *paths: str):
    """An observation for each member."""
    for path in paths:
        yield path, shape(member(item, path))
