"""What an upgrade or a rollback must leave as it is, and sentences about what it did not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

# What the API server changes with every write.
WRITTEN = ("resourceVersion", "managedFields")


@dataclass(frozen=True)
class State:
    """Cluster and cloud at one moment."""

    objects: dict[str, dict]
    """The custom resources as the API server shows them, by kind, namespace and name."""
    cloud: dict[str, dict]
    """What there is in the cloud with its flags, by id."""
    writes: list[str]
    """The requests of the cloud's log that were to change something, oldest first."""


def by_name(objects: list[dict]) -> dict[str, dict]:
    """The objects by kind, namespace and name."""
    return {f"{each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}": each for each in objects}


def printed(text: str) -> list[dict]:
    """The objects of which kubectl prints one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        one, end = decoder.raw_decode(text)
        found.append(one)
        text = text[end:]
    return found


def complaints(before: State, after: State) -> list[str]:
    """What is not as it was, but for what may change: the words of messages, and what status says beside what it said."""
    found = [f"A write to the cloud: {write}" for write in after.writes[len(before.writes) :]]
    found += _differences("In the cloud, ", before.cloud, after.cloud)
    for name, was in before.objects.items():
        found += changes(name, was, after.objects[name]) if name in after.objects else [f"{name} is gone."]
    return found


def changes(name: str, was: dict, now: dict) -> list[str]:
    """What of an object is not as it was."""
    metadata = [{key: value for key, value in each["metadata"].items() if key not in WRITTEN} for each in (was, now)]
    found = [*_differences(f"{name}: metadata.", *metadata), *_differences(f"{name}: spec.", was["spec"], now["spec"])]
    return found + list(_forgotten(f"{name}: status", was.get("status", {}), now.get("status", {})))


def _differences(where: str, was: dict, now: dict) -> list[str]:
    """Each key whose value is another one."""
    found = []
    for key in sorted(was.keys() | now.keys()):
        if key not in now:
            found.append(f"{where}{key} was {_shown(was[key])}, and is gone.")
        elif key not in was:
            found.append(f"{where}{key} is new: {_shown(now[key])}.")
        elif was[key] != now[key]:
            found.append(f"{where}{key} was {_shown(was[key])}, and is {_shown(now[key])}.")
    return found


def _forgotten(where: str, was, now) -> Iterator[str]:
    """What a status no longer says. A list may have more rows than before, in any order, and a row more fields."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key, value in was.items():
            if key == "message":
                continue
            if key in now:
                yield from _forgotten(f"{where}.{key}", value, now[key])
            else:
                yield f"{where}.{key} was {_shown(value)}, and is gone."
    elif isinstance(was, list) and isinstance(now, list):
        for row in was:
            if not any(_says(each, row) for each in now):
                yield f"{where} no longer has {_shown(row)}."
    elif was != now:
        yield f"{where} was {_shown(was)}, and is {_shown(now)}."


def _says(now, was) -> bool:
    """Whether nothing of it is forgotten."""
    return next(_forgotten("", was, now), None) is None


def _shown(value) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}…"
