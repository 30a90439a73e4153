"""How long nobody serves when the leader goes: two replicas, each with a key of its own, so that the cloud's log tells who signed what when."""

from __future__ import annotations

import os
import signal
import time

from api_server import PROTECTIONS, seconds
from stage import NAMESPACE, REGION, Account, Operator
from workloads import NEAR, Bench, process, wait

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/ecs-keeper"
RUNS = 5
# Seconds between two looks at what is to be acted on at once.
SOON = 0.05
# In seconds, by the way to go.
GOALS = {signal.SIGTERM: 2, signal.SIGKILL: 17, signal.SIGSTOP: 17}


class Failovers(Bench):
    """Pairs of a leader and a warm spare, which keep one instance protected."""

    def measure(self) -> dict[signal.Signals, list[float]]:
        """Seconds from the signal to the leader to the arrival of the first request that the other one signs."""
        return {number: [self._failover(number, run) for run in range(RUNS)] for number in GOALS}

    def _failover(self, number: signal.Signals, run: int) -> float:
        self._api.clear()
        account = self._account([{"instanceId": "i-first", "deletionProtection": True}], NEAR)
        self._api.create(PROTECTIONS, "first", {"instanceIds": ["i-first"]}, REGION)
        logs = {name: self._logs / f"failover-{number.name}-{run}-{name}" for name in ("leader", "spare")}
        for folder in logs.values():
            folder.mkdir()
        with self._operator(account, logs["leader"]) as leader:
            wait(leader, lambda: self._api.is_satisfied(PROTECTIONS, "first"), "judge the object")
            spares = _another_key(account)
            with self._operator(spares, logs["spare"]) as spare:
                wait(spare, lambda: _is_warm(spare), "stand by")
                program = process(leader)
                # The worst moment: the other one waits for a whole span from when it sees this.
                before = self._renewed()
                wait(leader, lambda: self._renewed() != before, "renew its Lease", every=SOON)
                sent = time.time()
                os.kill(program, number)
                (first, *_) = wait(spare, lambda: _signed(spares), "take over")
                if number == signal.SIGSTOP:
                    # What is stopped does not hear that it is to end.
                    os.kill(program, signal.SIGCONT)
        return seconds(first["time"]) - sent

    def _renewed(self) -> str:
        return self._api.ask("GET", LEASE)["spec"]["renewTime"]


def _another_key(account: Account) -> Account:
    """The same account, as one who has a key of his own sees it."""
    key = {"accessKeyId": f"{account.id}-spare", "accessKeySecret": "SecretOfTheSpare"}
    account.ask("POST", "/keys", key)
    return Account(account.cloud, {"accountId": account.id, **key})


def _signed(account: Account) -> list[dict]:
    """The requests that were signed with this key, oldest first."""
    return [entry for entry in account.log() if entry["accessKeyId"] == account.key["ALIBABA_CLOUD_ACCESS_KEY_ID"]]


def _is_warm(spare: Operator) -> bool:
    """Whether it has listed the objects of both kinds, and knows who leads."""
    said = spare.log.read_text()
    return said.count("objects listed") == 2 and "standby" in said
