"""What the commands take that look at a whole region: calls, seconds and memory."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from api_server import PROTECTIONS
from stage import NAMESPACE, REGION, Failed, Guarded
from workloads import NEAR, Bench

OBJECTS, REGION_SIZE = 1000, 100_000
# Bytes, of an audit without a cluster.
GOAL = 64 * 2**20
# A minute; the commands take no larger budget. Pages come one after another, and slower.
MOST_CALLS = 6000
PEAK_MEMORY = Path(__file__).with_name("peak_memory.py")


@dataclass(frozen=True)
class Taken:
    """By one command."""

    calls: int
    seconds: float
    peak: int
    """The most memory, in bytes."""


class Commands(Bench):
    """A region whose instances have one interface each and are shared evenly by objects that nobody has judged."""

    def measure(self) -> dict[str, Taken]:
        """By the words of the command."""
        self._api.clear()
        groups = [f"g{n}" for n in range(OBJECTS)]
        each = {"count": REGION_SIZE // OBJECTS}
        account = self._account([{"instanceId": f"i-{group}n", "tags": {"group": group}, **each} for group in groups], NEAR)
        for group in groups:
            self._api.create(PROTECTIONS, group, {"instanceTags": [{"key": "group", "value": group}]}, REGION)
        config, kubeconfig, plan = (self._logs / name for name in ("commands.json", "kubeconfig.json", "plan.json"))
        endpoints = {product: account.cloud.endpoint for product in ("ecs", "ess")}
        config.write_text(json.dumps({"accounts": [{"name": "default", "regions": [REGION], "endpoints": endpoints}]}))
        kubeconfig.write_text(self._kubectl("config", "view", "--raw", "--output=json"))
        spec = {"region": REGION, "targets": {"allInstances": True}}
        plan.write_text(json.dumps({"apiVersion": "ecs-keeper.io/v1alpha1", "kind": PROTECTIONS.kind, "metadata": {"name": "all", "namespace": NAMESPACE}, "spec": spec}))
        cluster, target = f"--kubeconfig={kubeconfig}", next(iter(account.instances()))
        commands = {
            "audit, JSON": ("audit", "--output=json"),
            "audit, JSON, with a cluster": ("audit", "--output=json", cluster),
            "audit, HTML, with a cluster": ("audit", "--output=html", cluster),
            "plan of one object": ("plan", f"--filename={plan}"),
            "plan of one object, with a cluster": ("plan", f"--filename={plan}", cluster),
            "explain, with a cluster": ("explain", target, cluster),
        }
        environment = {**account.environment(), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "ECS_KEEPER_CONFIG": str(config)}
        return {name: self._taken(account, words, environment) for name, words in commands.items()}

    def _taken(self, account, words: tuple[str, ...], environment: dict[str, str]) -> Taken:
        before, peak, said = account.log()[-1:], self._logs / "peak", self._logs / f"{words[0]}.out"
        # Python's own start, which is measured along, takes some hundredths of a second.
        command = [sys.executable, PEAK_MEMORY, peak, self._programs["ecs-keeper"], *words, f"--calls-per-minute={MOST_CALLS}"]
        began = time.monotonic()
        with open(said, "wb") as out, Guarded(command, env=environment, stdout=out) as running:
            code = running.wait()
        took = time.monotonic() - began
        # A plan has something to do.
        if code not in (0, 2):
            raise Failed(f"ecs-keeper {' '.join(words)} ended with {code}; what it says is above.")
        calls = len(account.log(after=before[0]["sequence"] if before else 0))
        return Taken(calls, took, int(peak.read_text()))
