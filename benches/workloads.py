"""What is measured, each on an account of its own in the same simulator, whose log tells what was asked when."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import sdk_environment
from api_server import PROTECTIONS, RETENTIONS, ApiServer, Resource, seconds
from stage import INSTANCES, INTERFACES, REGION, ROOT, Account, Cloud, Failed, Guarded, Kind, Kubectl, Operator, eventually

# Budgets so high that only latency and concurrency count. 100,000 is the most that the operator takes.
PLENTY = {"callsPerMinute": 100_000, "burst": 100_000}
READS, WRITES = ("DescribeInstances", "DescribeNetworkInterfaces"), ("ModifyInstanceAttribute", "ModifyNetworkInterfaceAttribute")
BUDGETS = dict.fromkeys(READS + WRITES, PLENTY)
SWEEP = 10
SWEEPS_AT_REST = 3
# In milliseconds.
NEAR, FAR = 20, 100
ACCEPTED = 50
# The operator's own, if nothing is said.
DEFAULT_CALLS = 60
SCHEDULES = 20_000
IDENTITY = "GetCallerIdentity"
SCHEDULE_TEST = "schedules::i24_any_finite_trouble_ends_in_the_desired_state_and_then_in_silence"


# By identity, so that it can be a key.
@dataclass(frozen=True, eq=False)
class Task:
    """What is kept, and of how much."""

    resource: Resource
    kind: Kind
    """The resource of the cloud that carries the flag."""
    lists: tuple[Kind, ...]
    """What a sweep lists."""
    targets: int
    """How many of those that carry the flag each instance has."""
    seed: dict
    """What its instances have beyond the ordinary."""
    script: str
    """How the script on the vendor's SDK calls it."""

    @property
    def operations(self) -> tuple[str, ...]:
        """The cloud's operations that it takes, and no others."""
        return (*(kind.read for kind in self.lists), self.kind.write, IDENTITY)

    def pages(self, instances: int) -> dict[str, int]:
        """The reads that list everything once."""
        return {kind.read: math.ceil(instances * (self.targets if kind == self.kind else 1) / kind.page) for kind in self.lists}

    def floor(self, instances: int) -> tuple[Work, Work]:
        """What can't be undercut: the first time, and a sweep at rest."""
        pages = self.pages(instances)
        return Work({**pages, self.kind.write: instances * self.targets}), Work(pages)


@dataclass
class Work:
    """Calls by operation, and the time that they took. A floor takes no time of its own."""

    by_operation: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None

    @property
    def calls(self) -> float:
        return sum(self.by_operation.values())

    def of(self, *operations: str) -> float:
        """The calls of these operations."""
        return sum(self.by_operation.get(operation, 0) for operation in operations)


@dataclass
class AtRest:
    """An operator that has nothing to do."""

    sweep: Work
    kubernetes_writes: int
    resident: int
    """Bytes."""
    peak: int | None
    """The most that it has had since it started; only Linux tells."""


PROTECTION = Task(PROTECTIONS, INSTANCES, (INSTANCES,), 1, {}, "protect")
# The primary interface is made by itself.
RETENTION = Task(RETENTIONS, INTERFACES, (INSTANCES, INTERFACES), 3, {"networkInterfaces": [{}, {}]}, "retain")


class Setting(NamedTuple):
    """What all measurements share."""

    programs: dict[str, Path]
    kubectl: Kubectl
    api: ApiServer
    cloud: Cloud
    logs: Path


class Bench:
    """Something that measures."""

    def __init__(self, setting: Setting):
        self._programs, self._kubectl, self._api, self._cloud, self._logs = setting

    def _account(self, instances: list[dict], latency: int) -> Account:
        account = self._cloud.account(instances)
        self._cloud.ask("POST", "/faults", {"account": account.id, "fault": {"kind": "latency", "millis": latency}})
        return account

    def _operator(self, account: Account, logs: Path | None = None, **settings) -> Operator:
        return Operator(self._programs["ecs-keeper"], self._kubectl, account, logs or self._logs, **settings)


class Workloads(Bench):
    """What is kept, and what it takes."""

    def keeper(self, task: Task, objects: int, instances: int) -> tuple[Work, AtRest]:
        """Objects that share the instances evenly and are there before the operator starts: the first time, and rest."""
        account = self._shared(task, objects, instances)
        with self._operator(account, sweep=f"{SWEEP}s", budgets=BUDGETS) as operator:
            self._wait_for_flags(task, account, operator, instances)
            wait(operator, lambda: self._api.satisfied(task.resource) == objects, f"say {task.resource.condition} in all objects")
            first = account.log()
            # From the second listing on, so that nothing of the first time is still being reported.
            rounds = [
                wait(operator, lambda kind=kind: _enough(_times(account, kind, first), 2 + SWEEPS_AT_REST), "go on listing the region")[1:]
                for kind in task.lists
            ]
            resident, peak = memory(operator)
        entries = account.log(after=first[-1]["sequence"])
        sweep = _mean(entries, dict(zip(task.lists, rounds)), task)
        began, ended = min(times[0] for times in rounds), max(times[SWEEPS_AT_REST] for times in rounds)
        return _work(first, task), AtRest(sweep, self._api.operator_writes(began, ended), resident, peak)

    def onboarding(self, task: Task, objects: int, instances: int, budget: int) -> float:
        """The share of a write budget, in calls a minute, that the first time makes use of."""
        account = self._shared(task, objects, instances)
        # The burst is the operator's own, a second of calls.
        budgets = dict.fromkeys(READS, {"callsPerMinute": 100_000}) | dict.fromkeys(WRITES, {"callsPerMinute": budget})
        with self._operator(account, budgets=budgets) as operator:
            self._wait_for_flags(task, account, operator, instances)
        times = [seconds(entry["time"]) for entry in account.writes(task.kind)]
        # The burst comes on top of the rate.
        return (len(times) - budget / 60) / (times[-1] - times[0]) * 60 / budget

    def script(self, task: Task, instances: int) -> tuple[Work, Work]:
        """The script on the vendor's SDK: the first time, and one more run when all is well."""
        account = self._account([{"count": instances, "instanceId": "i-n", **task.seed}], NEAR)
        ids = self._logs / "instances.txt"
        ids.write_text("\n".join(account.instances()))
        program = Path(__file__).with_name("vendor_sdk.py")
        command = [sdk_environment.python(), program, task.script, account.cloud.endpoint[len("http://") :], REGION, ids]
        runs = []
        for _ in range(2):
            before = account.log()
            with Guarded(command, env=account.environment(), stdout=sys.stderr) as script:
                if script.wait():
                    raise Failed("The script on the vendor's SDK failed; what it says is above.")
            runs.append(_work(account.log()[len(before) :], task))
        if account.kept(task.kind) != instances * task.targets:
            raise Failed("The script on the vendor's SDK did not set all flags.")
        return runs[0], runs[1]

    def _shared(self, task: Task, objects: int, instances: int) -> Account:
        """An account with instances, and objects that share them evenly."""
        self._api.clear()
        groups = [f"g{n}" for n in range(objects)]
        seeds = [{"count": instances // objects, "instanceId": f"i-{group}n", "tags": {"group": group}, **task.seed} for group in groups]
        for group in groups:
            self._api.create(task.resource, group, {"instanceTags": [{"key": "group", "value": group}]}, REGION)
        return self._account(seeds, NEAR)

    def _wait_for_flags(self, task: Task, account: Account, operator: Operator, instances: int) -> None:
        # The counts cost the machine less than the true state, which is looked at once.
        wait(operator, lambda: account.changes(task.kind.write) >= instances * task.targets, "set all flags")
        if account.kept(task.kind) != instances * task.targets:
            raise Failed("The operator did not set all flags.")

    def accepted_to_flag(self) -> dict[str, list[float]]:
        """Seconds from the API server's acceptance of an object to the flag, with an idle operator, by selector."""
        self._api.clear()
        names = [f"{selector}{n}" for selector in SELECTORS for n in range(ACCEPTED)]
        account = self._account([{"instanceId": f"i-{name}", "tags": {"name": name}} for name in names], FAR)
        for n in range(ACCEPTED):
            self._api.create_node(f"node{n}", f"{REGION}.i-node{n}")
        # Something to be idle about.
        account.ask("POST", "/instances", [{"instanceId": "i-first", "deletionProtection": True}])
        self._api.create(PROTECTIONS, "first", {"instanceIds": ["i-first"]}, REGION)
        with self._operator(account, budgets=BUDGETS) as operator:
            wait(operator, lambda: self._api.satisfied(PROTECTIONS) == 1, "judge the first object")
            return {
                selector: [self._flag(account, operator, f"{selector}{n}", *targets(f"{selector}{n}")) for n in range(ACCEPTED)]
                for selector, targets in SELECTORS.items()
            }

    def _flag(self, account: Account, operator: Operator, name: str, targets: dict, region: str | None) -> float:
        before = account.writes()
        accepted = self._api.create(PROTECTIONS, name, targets, region)
        wait(operator, lambda: self._api.is_satisfied(PROTECTIONS, name), f"protect i-{name}")
        (write,) = account.writes()[len(before) :]
        # The log has a request's arrival; its effect comes after the latency.
        return seconds(write["time"]) + FAR / 1000 - accepted


# By name, the targets and the region that a spec of one instance needs.
SELECTORS = {
    "id": lambda name: ({"instanceIds": [f"i-{name}"]}, REGION),
    "tag": lambda name: ({"instanceTags": [{"key": "name", "value": name}]}, REGION),
    "node": lambda name: ({"nodes": {"matchLabels": {"machine": name}}}, None),
}


def schedules_per_second() -> float:
    """How fast the simulation of the engine goes, on all cores."""
    command = ["cargo", "test", "--profile=simulation", "--locked", "--package=keeper-core", "--test=simulation", "--", "--exact", SCHEDULE_TEST]
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


def wait(operator: Operator, condition, what: str, every: float = 0.2):
    """Waits until the condition has a value, looking at it every so many seconds; raises if the operator ends before."""
    if not (value := eventually(condition, patience=300, every=every, check=operator.check)):
        raise Failed(f"The operator did not {what} within five minutes; its log is {operator.log}.")
    return value


def _enough(values: list, count: int) -> list | None:
    return values if len(values) >= count else None


def _times(account: Account, kind: Kind, first: list[dict]) -> list[float]:
    """When the listings began that came after the first time."""
    return [seconds(entry["time"]) for entry in account.listings(first[-1]["sequence"], kind)]


def _work(entries: list[dict], task: Task) -> Work:
    calls = Counter(entry["action"] for entry in entries)
    _refuse_others(calls, task)
    # From the first request to the end of the last one that did something: what comes after is only looking.
    last = next((entry for entry in reversed(entries) if entry["mutated"]), entries[-1])
    return Work(calls, _took(entries[0], last))


def _refuse_others(calls: Counter[str], task: Task) -> None:
    if unknown := set(calls) - set(task.operations):
        raise Failed(f"The cloud was asked for {', '.join(unknown)}, which is not counted here.")


def _took(first: dict, last: dict) -> float:
    return seconds(last["time"]) + NEAR / 1000 - seconds(first["time"])


def _mean(entries: list[dict], rounds: dict[Kind, list[float]], task: Task) -> Work:
    """One of several sweeps. Each kind that is listed has rounds of its own, which go on beside each other."""
    calls: Counter[str] = Counter()
    durations = []
    for kind, begins in rounds.items():
        # What is no listing goes by the rounds of the kind whose flag is kept.
        others = {other.read for other in rounds if other != kind}
        for began, ended in zip(begins, begins[1 : SWEEPS_AT_REST + 1]):
            part = [entry for entry in entries if began <= seconds(entry["time"]) < ended and entry["action"] not in others]
            reads = [entry for entry in part if entry["action"] == kind.read]
            calls.update(entry["action"] for entry in (part if kind == task.kind else reads))
            durations.append((kind, _took(reads[0], reads[-1])))
    longest = max(sum(took for of, took in durations if of == kind) for kind in rounds)
    _refuse_others(calls, task)
    return Work({operation: count / SWEEPS_AT_REST for operation, count in calls.items()}, longest / SWEEPS_AT_REST)


def memory(operator: Operator) -> tuple[int, int | None]:
    """The operator's resident memory and the most that it has had, in bytes."""
    program = str(process(operator))
    kilobytes = int(_ps("-o", "rss=", "-p", program))
    status = Path("/proc") / program / "status"
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE) if status.exists() else None
    return kilobytes * 1024, int(peak.group(1)) * 1024 if peak else None


def process(operator: Operator) -> int:
    """The process id of the program itself."""
    (program,) = (pid for pid, parent in map(str.split, _ps("-axo", "pid=,ppid=").splitlines()) if int(parent) == operator.guard)
    return int(program)


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=True).stdout
