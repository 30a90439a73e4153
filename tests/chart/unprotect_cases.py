#!/usr/bin/env python3
"""What needs the verb `unprotect` and what does not (I57), case by case. The policies are judged by them on an API server (test_unprotect_*.py), and so is
what `ecs-keeper plan` says of the verb: it reads unprotect_cases.json, which this program writes; with --check it only compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from generated import write_or_check
from verb import ACTS, BEHIND_NODES, BEHIND_OTHER_NODES, BOTH_TYPES, EXCEPTION, INSTANCES, INTERFACES, KINDS, LESS, LIFTING, MORE, OBSERVE
from verb import OTHER_EXCEPTION, REATTACH, SCALE_IN, Kind, excepting

FILE = Path(__file__).with_suffix(".json")


class Case(NamedTuple):
    """A change of an object, or its beginning or end, and whether it needs the verb."""

    what: str
    kind: Kind
    before: dict | None
    after: dict | None
    needs: bool


def cases():
    """Every act and every permission, by every way of coming about, and the ways back."""
    for kind in ACTS:
        act, permission = kind.act, kind.permission
        marked = {"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["example.com/mine"]}
        changes = [
            # An act: everything that makes another generation.
            ("an act begins", None, act, True),
            ("an act begins without its being carried out", None, {**act, **OBSERVE}, True),
            ("an act is asked for", {}, act, True),
            ("an act is asked of other targets", act, {**act, **MORE}, True),
            ("an act is asked of fewer targets", act, {**act, **LESS}, True),
            ("an act is carried out", {**act, **OBSERVE}, act, True),
            ("an act is only observed", act, {**act, **OBSERVE}, True),
            ("an act is asked for anew by another field", {**act, **permission}, act, True),
            ("an act is labelled", act, {**act, "metadata": marked}, False),
            ("an act is taken back", act, {}, False),
            ("an act is taken back, of other targets", act, {**MORE}, False),
            ("what asked for an act is deleted", act, None, False),
            # A permission: itself, and what it is about.
            ("a permission begins", None, permission, True),
            ("a permission begins without counting", None, {**permission, **OBSERVE}, True),
            ("a permission is given", {}, permission, True),
            ("a permission is given for other targets", permission, {**permission, **MORE}, True),
            ("a permission is given for fewer targets", permission, {**permission, **LESS}, True),
            ("a permission begins to count", {**permission, **OBSERVE}, permission, True),
            ("a permission ceases to count", permission, {**permission, **OBSERVE}, True),
            ("a permission is labelled", permission, {**permission, "metadata": marked}, False),
            ("a permission is taken back", permission, {}, False),
            ("a permission is taken back, and targets change", permission, {**MORE, **OBSERVE}, False),
            ("a permission is used", permission, None, True),
            ("a permission is used that is only observed", {**permission, **OBSERVE}, None, True),
            # Both, and neither.
            ("both are asked for", {}, {**act, **permission}, True),
            ("both are taken back", {**act, **permission}, {}, False),
            ("a permission is taken back and an act stays", {**act, **permission}, act, True),
            ("an act is taken back and a permission stays", {**act, **permission}, permission, False),
            ("something is protected", None, {}, False),
            ("something is observed", None, OBSERVE, False),
            ("something else is protected", {}, MORE, False),
            ("something is only observed", {}, OBSERVE, False),
            ("what protects is deleted", {}, None, False),
        ]
        if kind is INTERFACES:
            changes += [
                ("an act is asked of more types", act, {**act, **BOTH_TYPES}, True),
                ("an act is asked for anew by an attachment", act, {**act, **REATTACH}, True),
                ("a permission is given for more types", permission, {**permission, **BOTH_TYPES}, True),
                ("something is attached under a permission", permission, {**permission, **REATTACH}, False),
                ("something is attached", {}, {**BOTH_TYPES, **REATTACH}, False),
            ]
        elif kind is INSTANCES:
            changes += exceptions(act, marked) + lifts(act, permission, marked)
        if kind is SCALE_IN:
            protect = {"scaleIn": "Protect"}
            changes += [
                ("members are protected from scale-in", {}, protect, False),
                ("members are no longer protected from scale-in", protect, {}, False),
                ("what is protected from scale-in is given up to it", protect, act, True),
                ("what is given up is protected again", act, protect, False),
            ]
        for what, before, after, needs in changes:
            yield Case(what, kind, before, after, needs)


def exceptions(act: dict, marked: dict):
    """Every change of exceptions, and what leaves them as they are."""
    one, both, none = excepting(EXCEPTION), excepting(EXCEPTION, OTHER_EXCEPTION), excepting()

    def changed(**fields):
        return excepting({**EXCEPTION, **fields})

    return [
        ("an exception begins", None, one, True),
        ("an exception begins without counting", None, {**one, **OBSERVE}, True),
        ("no exception begins", None, none, False),
        ("an exception is made", {}, one, True),
        ("an exception is made where there was none", none, one, True),
        ("one more exception is made", one, both, True),
        ("an exception is made of another instance", one, excepting(OTHER_EXCEPTION), True),
        ("an exception is made longer", one, changed(until="2026-12-01T18:00:01Z"), True),
        ("an exception is made shorter", one, changed(until="2026-12-01T17:00:00Z"), True),
        ("an exception is made at the same time in other words", one, changed(until="2026-12-01T18:00:00.0Z"), True),
        ("an exception has another reason", one, changed(reason="replaced by i-c"), True),
        ("an exception is made for the future", {**one, **OBSERVE}, {**both, **OBSERVE}, True),
        ("an exception begins to count", {**one, **OBSERVE}, one, True),
        ("an exception begins to count, and another is taken back", {**both, **OBSERVE}, one, True),
        ("an exception is made where an act was", act, one, True),
        ("an exception ceases to count", one, {**one, **OBSERVE}, False),
        ("exceptions change places", both, excepting(OTHER_EXCEPTION, EXCEPTION), False),
        ("one of two exceptions is taken back", both, one, False),
        ("an exception is taken back", one, none, False),
        ("an exception is taken back, and targets change", one, {**none, **MORE, **OBSERVE}, False),
        ("something else is protected beside an exception", one, {**one, **MORE}, False),
        ("something is excluded beside an exception", one, {**one, **LESS}, False),
        ("an exception is labelled", one, {**one, "metadata": marked}, False),
        ("what makes an exception is deleted", one, None, False),
    ]


def lifts(act: dict, permission: dict, marked: dict):
    """Every change of what is to become of a machine that Karpenter removes: a permission that stands."""
    return [
        ("a lift begins", None, LIFTING, True),
        ("a lift begins without counting", None, {**LIFTING, **OBSERVE}, True),
        ("a lift is allowed", BEHIND_NODES, LIFTING, True),
        ("a lift is allowed where an act was", {**BEHIND_NODES, **act}, LIFTING, True),
        ("a lift is allowed where a permission was", {**BEHIND_NODES, **permission}, LIFTING, True),
        ("a lift is allowed of other targets", LIFTING, {**LIFTING, **BEHIND_OTHER_NODES}, True),
        ("a lift begins to count", {**LIFTING, **OBSERVE}, LIFTING, True),
        ("a lift ceases to count", LIFTING, {**LIFTING, **OBSERVE}, True),
        ("a lift is labelled", LIFTING, {**LIFTING, "metadata": marked}, False),
        ("a lift stays, and another field changes", LIFTING, {**LIFTING, "autoReleaseTime": "Cancel"}, False),
        ("an exception is taken back beside a lift", {**LIFTING, **excepting(EXCEPTION)}, {**LIFTING, **excepting()}, False),
        ("a lift is taken back", LIFTING, BEHIND_NODES, False),
        ("a lift is taken back, and targets change", LIFTING, {**BEHIND_OTHER_NODES, **OBSERVE}, False),
        ("what allows a lift is deleted", LIFTING, None, False),
    ]


class Move(NamedTuple):
    """New labels of an object, where the operator serves only those with shard=a, and whether they need the verb."""

    what: str
    kind: Kind
    spec: dict
    before: dict
    after: dict
    needs: bool

    def selection(self) -> str:
        """What the labels do, in the program's words."""
        served, serves = (labels.get("shard") == "a" for labels in (self.before, self.after))
        return "Unchanged" if served == serves else "Enters" if serves else "Leaves"


def moves():
    """Labels that bring an object into service or out of it, and others."""
    none, served, served_too, elsewhere = {}, {"shard": "a"}, {"shard": "a", "team": "b"}, {"shard": "b"}
    for kind in KINDS:
        changes = [
            ("an act comes into service", kind.act, none, served, True),
            ("a permission comes into service", kind.permission, none, served, True),
            ("a hold goes out of service", {}, served, none, True),
            ("a hold that is only observed goes out of service", OBSERVE, served, none, True),
            ("a permission goes out of service, and with it its hold", kind.permission, served, none, True),
            ("an act goes out of service", kind.act, served, none, False),
            ("a hold comes into service", {}, none, served, False),
            ("an act in service is labelled", kind.act, served, served_too, False),
            ("a hold in service is labelled", {}, served, served_too, False),
            ("an act out of service is labelled", kind.act, none, elsewhere, False),
        ]
        if kind is INSTANCES:
            excepted = excepting(EXCEPTION)
            changes += [
                ("a hold against scale-in goes out of service", {"protection": "Disabled", "scaleIn": "Protect"}, served, none, True),
                ("giving up to scale-in comes into service", {"scaleIn": "Unprotect"}, none, served, True),
                ("a lift comes into service", LIFTING, none, served, True),
                ("a lift that is only observed comes into service", {**LIFTING, **OBSERVE}, none, served, True),
                ("a lift in service is labelled", LIFTING, served, served_too, False),
                ("an exception comes into service", excepted, none, served, True),
                ("an exception that is only observed comes into service", {**excepted, **OBSERVE}, none, served, True),
                ("an exception in service is labelled", excepted, served, served_too, False),
                ("no exception comes into service", excepting(), none, served, False),
            ]
        for what, spec, before, after, needs in changes:
            yield Move(what, kind, spec, before, after, needs)


def generated() -> str:
    """The cases that `ecs-keeper plan` can meet: it deletes nothing."""
    rows = [_row(case.what, case.kind, case.before, case.after, "Unchanged", case.needs) for case in cases() if case.after is not None]
    rows += [_row(move.what, move.kind, move.spec, move.spec, move.selection(), move.needs) for move in moves()]
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"


def _row(what: str, kind: Kind, before: dict | None, after: dict, selection: str, needs: bool) -> dict:
    old, new = (None if spec is None else kind.object("", {key: spec[key] for key in spec if key != "metadata"})["spec"] for spec in (before, after))
    return {"what": what, "kind": kind.kind, "old": old, "new": new, "selection": selection, "needsVerb": needs}


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, generated(), sys.argv[1:]))
