"""How soon a flag is on again when an exception ends, while a large region is being swept."""

from __future__ import annotations

import json
import random
import time
from datetime import datetime, timezone

from api_server import PROTECTIONS, seconds
from stage import INSTANCES, NAMESPACE, REGION, Failed
from workloads import BUDGETS, FAR, Bench, wait

REGION_SIZE = 100_000
EXCEPTIONS = 50
# Seconds from when all exceptions are in force to the first end, and from that to the last one.
HEAD_START, SPAN = 20, 60
# In seconds, of the 99th percentile: one write, and what whole seconds of `until` and a machine that sweeps leave of one.
GOAL = 1


class Ends(Bench):
    """One object that protects a region by a tag, with exceptions that end at moments that it is told."""

    def measure(self) -> list[float]:
        """Seconds from the end of each exception to the effect of the write that protects its machine again."""
        self._api.clear()
        account = self._account([{"count": REGION_SIZE, "instanceId": "i-n", "tags": {"group": "all"}, "deletionProtection": True}], FAR)
        self._api.create(PROTECTIONS, "all", {"instanceTags": [{"key": "group", "value": "all"}]}, REGION)
        with self._operator(account, budgets=BUDGETS) as operator:
            wait(operator, lambda: self._api.is_satisfied(PROTECTIONS, "all"), "judge the object")
            excepted = random.sample(sorted(account.instances()), EXCEPTIONS)
            # At first far away: how long it takes until all of them are in force is not known.
            self._except(dict.fromkeys(excepted, int(time.time()) + 3600))
            wait(operator, lambda: self._phases("InForce") == EXCEPTIONS, "bring the exceptions into force")
            begins = int(time.time()) + HEAD_START
            ends = {instance: begins + random.randrange(SPAN) for instance in excepted}
            before = account.changes(INSTANCES.write)
            self._except(ends)
            wait(operator, lambda: self._phases("Expired") == EXCEPTIONS, "end the exceptions")
            wait(operator, lambda: account.changes(INSTANCES.write) >= before + EXCEPTIONS, "protect the machines again")
            writes = account.writes()[before:]
        # The log has a request's arrival; its effect comes after the latency.
        protected = {write["parameters"]["InstanceId"]: seconds(write["time"]) + FAR / 1000 for write in writes}
        if protected.keys() != ends.keys() or len(writes) != EXCEPTIONS:
            raise Failed("The operator did not write once to each machine whose exception has ended, and to no other.")
        return [protected[instance] - end for instance, end in ends.items()]

    def _except(self, ends: dict[str, int]) -> None:
        def until(end: int) -> str:
            return f"{datetime.fromtimestamp(end, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"

        entries = [{"instanceId": instance, "until": until(end), "reason": "bench"} for instance, end in ends.items()]
        patch = json.dumps({"spec": {"exceptions": entries}})
        self._kubectl("patch", PROTECTIONS.plural, "all", "--namespace", NAMESPACE, "--type=merge", f"--patch={patch}")

    def _phases(self, phase: str) -> int:
        rows = self._api.ask("GET", f"{PROTECTIONS.path}/all")["status"].get("exceptions", [])
        return sum(row["phase"] == phase for row in rows)
