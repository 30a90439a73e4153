"""What is measured, each on an account of its own in the same simulator, whose log tells what was asked when."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import sdk_environment
from api_server import ApiServer, seconds
from stage import REGION, ROOT, Account, Cloud, Failed, Guarded, Kubectl, Operator, begins_listing, eventually

# Budgets so high that only latency and concurrency count. 100,000 is the most that the operator takes.
BUDGETS = ("--read-budget=100000", "--write-budget=100000", "--burst=100000")
SWEEP = 10
SWEEPS_AT_REST = 3
# In milliseconds.
NEAR, FAR = 20, 100
ACCEPTED = 50
SCHEDULES = 20_000
OPERATIONS = ("DescribeInstances", "ModifyInstanceAttribute", "GetCallerIdentity")
SCHEDULE_TEST = "schedules::i24_any_finite_trouble_ends_in_the_wished_state_and_then_in_silence"


@dataclass
class Work:
    """Calls by operation, and the time that they took. A floor takes no time of its own."""

    describe_instances: float
    modify_instance_attribute: float
    get_caller_identity: float = 0
    seconds: float | None = None

    @property
    def calls(self) -> float:
        return self.describe_instances + self.modify_instance_attribute + self.get_caller_identity


@dataclass
class AtRest:
    """An operator that has nothing to do."""

    sweep: Work
    kubernetes_writes: int
    resident: int
    """Bytes."""


class Bench:
    """The parts that all workloads share."""

    def __init__(self, programs: dict[str, Path], kubectl: Kubectl, api: ApiServer, cloud: Cloud, logs: Path):
        self._programs = programs
        self._kubectl = kubectl
        self._api = api
        self._cloud = cloud
        self._logs = logs

    def keeper(self, objects: int, instances: int) -> tuple[Work, AtRest]:
        """Objects that share the instances evenly and are there before the operator starts: the first protection, and rest."""
        self._api.clear()
        groups = [f"g{n}" for n in range(objects)]
        account = self._account([{"count": instances // objects, "instanceId": f"i-{group}n", "tags": {"group": group}} for group in groups], NEAR)
        for group in groups:
            self._api.create(group, {"instanceTags": [{"key": "group", "value": group}]}, REGION)
        with self._operator(account, f"--sweep-interval={SWEEP}s", *BUDGETS) as operator:
            _wait(operator, lambda: len(account.protected()) == instances, "protect all instances")
            _wait(operator, lambda: self._api.protected() == objects, "say so in all objects")
            first = account.log()
            # From the second listing on, so that nothing of the first protection is still being reported.
            begins = _wait(
                operator, lambda: _enough(account.listings(first[-1]["sequence"]), 2 + SWEEPS_AT_REST), "go on listing the region"
            )
            resident = _resident(operator)
        began, ended = (seconds(begins[n]["time"]) for n in (1, -1))
        rest = [entry for entry in account.log(after=first[-1]["sequence"]) if began <= seconds(entry["time"]) < ended]
        return _work(first), AtRest(_mean(rest, SWEEPS_AT_REST), self._api.operator_writes(began, ended), resident)

    def script(self, instances: int) -> tuple[Work, Work]:
        """The script on the vendor's SDK: the first protection, and one more run when all is well."""
        account = self._account([{"count": instances, "instanceId": "i-n"}], NEAR)
        ids = self._logs / "instances.txt"
        ids.write_text("\n".join(account.instances()))
        command = [sdk_environment.python(), Path(__file__).with_name("vendor_sdk.py"), account.cloud.endpoint[len("http://") :], REGION, ids]
        runs = []
        for _ in range(2):
            before = account.log()
            with Guarded(command, env=account.environment(), stdout=sys.stderr) as script:
                if script.wait():
                    raise Failed("The script on the vendor's SDK failed; what it says is above.")
            runs.append(_work(account.log()[len(before) :]))
        if len(account.protected()) != instances:
            raise Failed("The script on the vendor's SDK did not protect all instances.")
        return runs[0], runs[1]

    def accepted_to_flag(self) -> dict[str, list[float]]:
        """Seconds from the API server's acceptance of an object to the flag, with an idle operator, by selector."""
        self._api.clear()
        names = [f"{selector}{n}" for selector in SELECTORS for n in range(ACCEPTED)]
        account = self._account([{"instanceId": f"i-{name}", "tags": {"name": name}} for name in names], FAR)
        for n in range(ACCEPTED):
            self._api.create_node(f"node{n}", f"{REGION}.i-node{n}")
        # Something to be idle about.
        account.ask("POST", "/instances", [{"instanceId": "i-first", "deletionProtection": True}])
        self._api.create("first", {"instanceIds": ["i-first"]}, REGION)
        with self._operator(account, *BUDGETS) as operator:
            _wait(operator, lambda: self._api.protected() == 1, "judge the first object")
            return {
                selector: [self._flag(account, operator, f"{selector}{n}", *targets(f"{selector}{n}")) for n in range(ACCEPTED)]
                for selector, targets in SELECTORS.items()
            }

    def _flag(self, account: Account, operator: Operator, name: str, targets: dict, region: str | None) -> float:
        before = account.writes()
        accepted = self._api.create(name, targets, region)
        _wait(operator, lambda: self._api.state(name) == "Protected", f"protect i-{name}")
        (write,) = account.writes()[len(before) :]
        # The log has a request's arrival; its effect comes after the latency.
        return seconds(write["time"]) + FAR / 1000 - accepted

    def _account(self, instances: list[dict], latency: int) -> Account:
        account = self._cloud.account(instances)
        self._cloud.ask("POST", "/faults", {"account": account.id, "fault": {"kind": "latency", "millis": latency}})
        return account

    def _operator(self, account: Account, *flags: str) -> Operator:
        return Operator(self._programs["ecs-keeper"], self._kubectl, account, self._logs, *flags)


# By name, the targets and the region that a spec of one instance needs.
SELECTORS = {
    "id": lambda name: ({"instanceIds": [f"i-{name}"]}, REGION),
    "tag": lambda name: ({"instanceTags": [{"key": "name", "value": name}]}, REGION),
    "node": lambda name: ({"nodes": {"matchLabels": {"machine": name}}}, None),
}


def schedules_per_second() -> float:
    """How fast the simulation of the engine goes, on one core."""
    command = ["cargo", "test", "--release", "--locked", "--package=keeper-core", "--test=simulation", "--", "--exact", SCHEDULE_TEST]
    environment = {**os.environ, "SIMULATION_SCHEDULES": str(SCHEDULES)}
    with Guarded(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as cargo:
        said = cargo.output.read().decode()
        code = cargo.wait()
    took = re.search(r"1 passed;.* finished in ([0-9.]+)s", said)
    if code or not took:
        raise Failed(f"The simulation failed:\n{said}")
    return SCHEDULES / float(took.group(1))


def percentile(values: list[float], percent: int) -> float:
    """By nearest rank."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def _wait(operator: Operator, condition, what: str):
    if not (value := eventually(condition, patience=300, every=0.2, check=operator.check)):
        raise Failed(f"The operator did not {what} within five minutes; its log is {operator.log}.")
    return value


def _enough(values: list, count: int) -> list | None:
    return values if len(values) >= count else None


def _work(entries: list[dict]) -> Work:
    calls = Counter(entry["action"] for entry in entries)
    if unknown := set(calls) - set(OPERATIONS):
        raise Failed(f"The cloud was asked for {', '.join(unknown)}, which this bench does not count.")
    # From the first request to the end of the last one that did something: what comes after is only looking.
    last = next((entry for entry in reversed(entries) if entry["mutated"]), entries[-1])
    took = seconds(last["time"]) + NEAR / 1000 - seconds(entries[0]["time"])
    return Work(*(calls[operation] for operation in OPERATIONS), seconds=took)


def _mean(rest: list[dict], sweeps: int) -> Work:
    """One of several sweeps that lie behind each other."""
    ends = [n for n, entry in enumerate(rest) if begins_listing(entry)][1:]
    parts = [_work(rest[begin:end]) for begin, end in zip([0, *ends], [*ends, None])]
    return Work(*(sum(getattr(part, field.name) for part in parts) / sweeps for field in fields(Work)))


def _resident(operator: Operator) -> int:
    """The operator's resident memory, in bytes."""
    listing = subprocess.run(["ps", "-axo", "ppid=,rss="], capture_output=True, text=True, check=True).stdout
    (kilobytes,) = (int(rss) for parent, rss in map(str.split, listing.splitlines()) if int(parent) == operator.guard)
    return kilobytes * 1024
