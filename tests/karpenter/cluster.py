"""A cluster whose machines Karpenter makes in a simulated cloud, and an operator that keeps some of them protected."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from karpenter import KEY, Karpenter, install_definitions  # Puts what follows on the path.
from access import complaints, granted_with
from stage import INSTANCES, NAMESPACE, REGION, Cloud, ControlPlane, Kubectl, Operator, Patient, build, install

HERE = Path(__file__).resolve().parent

# The label of a pool's machines, which the cloud has as a tag. Those of the first pool are selected.
POOL = "karpenter.sh/nodepool"
WORKERS, SANDBOX = "workers", "sandbox"

OBJECT = "ecsprot/workers"
IN = f"--namespace={NAMESPACE}"

# What the cloud says to a release of a protected instance, and to one of an instance that is gone.
REFUSAL, UNKNOWN = "InvalidOperation.DeletionProtection", "InvalidInstanceId.NotFound"
FINALIZER = "karpenter.sh/termination"

SWEEP = "2s"

# The chart's value with which the operator watches NodeClaims.
WATCHES_CLAIMS = "config.karpenter.enabled=true"

# Seconds within which whatever can happen has happened. A drain takes Karpenter five of them, it asks again after five whether an instance is gone,
# and what was refused for a while it tries again after ten.
PATIENCE = 60.0


@dataclass(frozen=True)
class Machine:
    """A NodeClaim, and what Karpenter has made of it."""

    claim: str
    node: str
    instance: str


class Plane(ControlPlane):
    # It taints each new Node as not ready. A controller takes that away from a ready Node, and it would miss the kubelets' heartbeats here.
    _api_server = (*ControlPlane._api_server, "--disable-admission-plugins=TaintNodesByCondition")


class Cluster(Patient):
    """Everything that a class of tests needs. It ends with the class."""

    patience = PATIENCE

    def __init__(self, case: type):
        with contextlib.ExitStack() as stack:
            self._programs = build("dev")
            self._plane = stack.enter_context(Plane())
            self._logs = self._plane.audit_log.parent
            self.kubectl = Kubectl(self._plane)
            self._cloud = stack.enter_context(Cloud(self._programs["ecs-simulator"], self._logs))
            self.account = self._cloud.account([])
            self._stack = stack.pop_all()
        case.addClassCleanup(self._stack.close)
        self._running = [self._plane]

    def start_operator(self, watches_claims: bool) -> Operator:
        """Installs the chart, and runs what it would run."""
        install(self._plane, self.kubectl, *([WATCHES_CLAIMS] if watches_claims else []))
        karpenter = {"enabled": watches_claims}
        return self._start(Operator(self._programs["ecs-keeper"], self.kubectl, self.account, self._logs, sweep=SWEEP, karpenter=karpenter))

    def start_karpenter(self) -> Karpenter:
        """Installs Karpenter's kinds and the pools, and runs it."""
        install_definitions(self._plane, self.kubectl, self._logs)
        self.kubectl("create", f"--filename={HERE / 'pools.yaml'}")
        return self._start(Karpenter(self._plane, self.account, self._logs))

    def _start(self, process):
        self._running.append(self._stack.enter_context(process))
        return process

    def create(self, *objects: dict) -> None:
        self._write("create", *objects)

    def apply(self, *objects: dict) -> None:
        self._write("apply", *objects)

    def _write(self, verb: str, *objects: dict) -> None:
        path = self._logs / "objects.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        self.kubectl(verb, f"--filename={path}")

    def get(self, *arguments: str) -> dict | None:
        """An object, or None if there is none."""
        text = self.kubectl("get", *arguments, "--ignore-not-found", "--output=json")
        return json.loads(text) if text else None

    def machines(self, *claims: str, pool: str = WORKERS) -> list[Machine]:
        """Has Karpenter make machines."""
        self.create(*(node_claim(claim, pool) for claim in claims))
        return [self._made(claim) for claim in claims]

    def _made(self, claim: str) -> Machine:
        def initialized():
            found = self.get(f"nodeclaim/{claim}")
            return found if condition(found, "Initialized") == "True" else None

        status = self.eventually(f"{claim} is initialized", initialized)["status"]
        return Machine(claim, status["nodeName"], status["providerID"].split(".", 1)[1])

    def protect_workers(self, *but: Machine, lift: bool = False) -> None:
        """The object that wants the machines of one pool protected."""
        targets = {"nodes": {"matchLabels": {POOL: WORKERS}}}
        if but:
            targets["exclude"] = {"instanceIds": [machine.instance for machine in but]}
        self.apply(protection("workers", {"targets": targets, **({"nodeRemoval": "Lift"} if lift else {})}))

    def workers(self) -> int:
        """How many Nodes the object selects, excluded machines included."""
        return len(self.get("nodes", f"--selector={POOL}={WORKERS}")["items"])

    def until_protected(self, *machines: Machine) -> None:
        wanted = {machine.instance for machine in machines}
        self.eventually(f"{wanted} are protected", lambda: wanted <= self.account.protected())

    def until_status(self, what: str, holds) -> dict:
        """Waits until the status of the object, of its newest generation, is so."""

        def look():
            found = self.get(OBJECT, IN)
            current = found["status"]["observedGeneration"] == found["metadata"]["generation"]
            return found["status"] if current and holds(found["status"]) else None

        return self.eventually(what, look)

    def remove(self, machine: Machine) -> None:
        """Asks Karpenter to remove a machine."""
        self.kubectl("delete", f"nodeclaim/{machine.claim}", "--wait=false")

    def until_looked_at(self) -> None:
        """Waits until the operator has looked at all machines several times."""

        def looks():
            return sum(entry["accessKeyId"] != KEY for entry in self.account.log(INSTANCES.read))

        # A sweep is one request here.
        wanted = looks() + 4
        self.eventually("there are three more sweeps", lambda: looks() >= wanted)

    def until_removed(self, machine: Machine) -> dict:
        """Waits until Karpenter has removed it, and nothing of it is left. How the cloud released the instance."""
        left = (f"nodeclaim/{machine.claim}", f"node/{machine.node}")
        self.eventually(f"{machine} is removed", lambda: not any(self.get(each) for each in left))
        (release,) = [each for each in self.account.ask("GET", "/released")["released"] if each["instanceId"] == machine.instance]
        return release

    def releases(self, machine: Machine) -> list[dict]:
        """How Karpenter has tried to release it, oldest first."""
        return [entry for entry in self.account.log("DeleteInstance") if _is_about(machine, entry) and entry["accessKeyId"] == KEY]

    def writes(self, machine: Machine) -> list[str]:
        """What the operator has written of its flag, oldest first."""
        return [entry["parameters"]["DeletionProtection"] for entry in self.account.log(INSTANCES.write) if _is_about(machine, entry)]

    def access_complaints(self) -> list[str]:
        """Where what the chart grants for Karpenter alone, and what the operator has used of it, do not agree."""
        return complaints(self._plane, granted_with(self._plane, WATCHES_CLAIMS))


def protection(name: str, spec: dict) -> dict:
    """An EcsInstanceProtection."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "ecs-keeper.io/v1alpha1", "kind": "EcsInstanceProtection", "metadata": metadata, "spec": spec}


def node_claim(name: str, pool: str) -> dict:
    """A NodeClaim as Karpenter makes it of a NodePool."""
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "labels": {POOL: pool, "karpenter.kwok.sh/kwoknodeclass": "default"}},
        "spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            "requirements": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}],
        },
    }


def condition(thing: dict, name: str) -> str | None:
    """The status of a condition, or None if there is none."""
    return next((each["status"] for each in thing.get("status", {}).get("conditions", []) if each["type"] == name), None)


def _is_about(machine: Machine, entry: dict) -> bool:
    return entry["parameters"]["InstanceId"] == machine.instance
