"""How soon a flag is on again that somebody switched off: a whole region under the operator's own defaults, and drifts at moments that it can't know."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass

from api_server import PROTECTIONS, seconds
from stage import INSTANCES, REGION, Failed, eventually
from workloads import FAR, Bench, wait

REGION_SIZE = 500
DRIFTS = 50
# Seconds: so long that the drifts of two minutes open no circuit breaker, and that several sweeps pass between two of them as well as none.
SPAN = 300
# In seconds, of the 99th percentile.
GOAL = 12


@dataclass(frozen=True)
class Repairs:
    """What came of the drifts."""

    took: list[float]
    """Seconds from each drift to the effect of the write that put it right."""
    calls: Counter[str]
    """By operation, from the first drift to the last write."""
    span: float
    """The seconds in which they were made."""


class Drifts(Bench):
    """One object that protects a region by a tag, and somebody who switches flags off."""

    def measure(self) -> Repairs:
        self._api.clear()
        account = self._account([{"count": REGION_SIZE, "instanceId": "i-n", "tags": {"group": "all"}, "deletionProtection": True}], FAR)
        self._api.create(PROTECTIONS, "all", {"instanceTags": [{"key": "group", "value": "all"}]}, REGION)
        with self._operator(account) as operator:
            wait(operator, lambda: self._api.is_satisfied(PROTECTIONS, "all"), "judge the object")
            began = time.monotonic()
            switched_off = {}
            moments = sorted(random.uniform(0, SPAN) for _ in range(DRIFTS))
            for moment, instance in zip(moments, random.sample(sorted(account.instances()), DRIFTS)):
                eventually(lambda moment=moment: time.monotonic() - began >= moment, patience=SPAN, check=operator.check)
                switched_off[instance] = time.time()
                account.switch_off(instance)
            wait(operator, lambda: account.kept(INSTANCES) == REGION_SIZE, "put all flags right")
        entries = account.log()
        # The log has a request's arrival; its effect comes after the latency.
        repaired = {entry["parameters"]["InstanceId"]: seconds(entry["time"]) + FAR / 1000 for entry in entries if entry["mutated"]}
        if repaired.keys() != switched_off.keys():
            raise Failed("The operator wrote to other instances than those whose flag was switched off.")
        first, last = min(switched_off.values()), max(repaired.values())
        calls = Counter(entry["action"] for entry in entries if first <= seconds(entry["time"]) < last)
        return Repairs([repaired[instance] - off for instance, off in switched_off.items()], calls, last - first)
