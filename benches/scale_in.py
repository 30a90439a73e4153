"""What it takes to keep the members of scaling groups from scale-in, and to see that they stay so."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from api_server import PROTECTIONS
from stage import REGION, Account
from workloads import BUDGETS, NEAR, PLENTY, Bench, wait

GROUPS, MEMBERS = 20, 1000
LIST, SET = "DescribeScalingInstances", "SetInstancesProtection"
# Members in one page of a listing, and in one write.
PAGE, BATCH = 100, 20
LISTING = math.ceil(MEMBERS / PAGE)
# A listing before the writes, and one after them.
FLOOR = {LIST: 2 * LISTING, SET: GROUPS * math.ceil(MEMBERS / GROUPS / BATCH)}
LISTINGS_AT_REST = 2


@dataclass(frozen=True)
class Calls:
    """Of Auto Scaling alone, by operation."""

    first: Counter[str]
    """Until all members are protected from scale-in and the object says so."""
    listing: Counter[str]
    """From the beginning of one listing to that of the next one, when nothing changes; the mean of several."""


class ScaleIn(Bench):
    """One object that keeps all members of all groups, whose release protection is on already."""

    def measure(self) -> Calls:
        self._api.clear()
        account = self._account([], NEAR)
        each = {"count": MEMBERS // GROUPS, "tags": {"group": "all"}, "deletionProtection": True}
        groups = [f"asg-{n}" for n in range(GROUPS)]
        seeds = [{"scalingGroupId": group, "members": [{"instances": {"instanceId": f"i-{group}n", **each}}]} for group in groups]
        account.ask("POST", "/scaling-groups", seeds)
        self._api.create(PROTECTIONS, "all", {"instanceTags": [{"key": "group", "value": "all"}]}, REGION, scaleIn="Protect")
        with self._operator(account, budgets={**BUDGETS, LIST: PLENTY, SET: PLENTY}) as operator:
            wait(operator, lambda: self._api.is_ready(PROTECTIONS, "all"), "keep all members from scale-in")
            first = account.log()
            after = first[-1]["sequence"]
            wait(operator, lambda: len(_listings(account, after)) > LISTINGS_AT_REST, "go on listing the members")
        began, *_, ended = (entry["sequence"] for entry in _listings(account, after)[: LISTINGS_AT_REST + 1])
        rest = _calls([entry for entry in account.log(after=after) if began <= entry["sequence"] < ended])
        return Calls(_calls(first), Counter({name: count / LISTINGS_AT_REST for name, count in rest.items()}))


def _listings(account: Account, after: int) -> list[dict]:
    """The first page of each listing since."""
    return [entry for entry in account.log(LIST, after) if entry["parameters"].get("PageNumber") == "1" and "InstanceIds.1" not in entry["parameters"]]


def _calls(entries: list[dict]) -> Counter[str]:
    return Counter(entry["action"] for entry in entries if entry["action"] in FLOOR)
