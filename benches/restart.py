"""How soon a restarted operator has judged all objects again, and what it writes meanwhile."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from api_server import PROTECTIONS
from stage import REGION, WITHOUT_PROXY, Account, Operator
from workloads import BUDGETS, NEAR, SWEEP, WRITES, Bench, memory, wait

OBJECTS, REGION_SIZE = 10_000, 100_000
# In seconds.
GOAL = 5


@dataclass(frozen=True)
class Restart:
    """What came of one."""

    seconds: float
    """From the start of the process until it knows of each object that its instances are protected."""
    cloud_writes: int
    kubernetes_writes: int
    resident: int
    """Bytes, at the end."""
    peak: int | None
    """The most that it has had since it started; only Linux tells."""


class Restarts(Bench):
    """Objects that share a region evenly, all of whose instances are protected."""

    def measure(self) -> Restart:
        self._api.clear()
        groups = [f"g{n}" for n in range(OBJECTS)]
        each = {"count": REGION_SIZE // OBJECTS, "deletionProtection": True}
        account = self._account([{"instanceId": f"i-{group}n", "tags": {"group": group}, **each} for group in groups], NEAR)
        for group in groups:
            self._api.create(PROTECTIONS, group, {"instanceTags": [{"key": "group", "value": group}]}, REGION)
        with self._begun(account, "before") as operator:
            wait(operator, lambda: self._api.satisfied(PROTECTIONS) == OBJECTS, "judge all objects", every=2)
        before, began = account.log()[-1]["sequence"], time.time()
        with self._begun(account, "after") as operator:
            took = wait(operator, lambda: _judged(operator), "judge all objects again", every=0.1)
            # Two sweeps later, whatever it had to say has been said.
            after = account.log(after=before)[-1]["sequence"]
            wait(operator, lambda: len(account.listings(after)) > 2, "go on listing the region")
            resident, peak = memory(operator)
        cloud_writes = sum(entry["action"] in WRITES for entry in account.log(after=before))
        return Restart(took, cloud_writes, self._api.operator_writes(began, time.time()), resident, peak)

    def _begun(self, account: Account, name: str) -> Operator:
        logs = self._logs / f"restart-{name}"
        logs.mkdir()
        return self._operator(account, logs, sweep=f"{SWEEP}s", budgets=BUDGETS)


def _judged(operator: Operator) -> float | None:
    """Seconds from the start of the process, once its metrics say of all objects that their condition is True."""
    if not (address := operator.address()):
        return None
    with WITHOUT_PROXY.open(f"http://{address}/metrics", timeout=60) as response:
        metrics, now = response.read().decode(), time.time()
    good = sum(float(value) for value in re.findall(r'^ecs_keeper_objects\{[^}]*status="True"[^}]*\} (\S+)$', metrics, re.MULTILINE))
    started = re.search(r"^process_start_time_seconds (\S+)$", metrics, re.MULTILINE)
    return now - float(started.group(1)) if good == OBJECTS else None
