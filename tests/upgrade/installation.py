"""A cluster and a cloud with a release installed: what is recorded, and what is upgraded."""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.request
from pathlib import Path

import recorded  # noqa: F401  Puts what follows on the path.
from chart import DEFINITIONS, RELEASE, Cluster
from comparison import State, by_name, printed
from stage import INSTANCES, INTERFACES, NAMESPACE, WITHOUT_PROXY, Account, Cloud, Kind, Kubectl, Operator, Patient, eventually

IN = f"--namespace={NAMESPACE}"
KINDS = "ecsprot,eniret"
# Two more that objects are in: one may protect only, the other may do nothing.
NAMESPACES = ("tenant", "elsewhere")

# What an operator asks that changes nothing.
READS = ("Describe", "LookupEvents", "GetCallerIdentity")


class Key(Account):
    """The account as one operator has it: by a key of its own, so that the cloud's log tells whose a request is, and with what its Deployment sets."""

    def __init__(self, account: Account, name: str, variables: dict[str, str]):
        key = {"accessKeyId": f"LTAI5t{name}", "accessKeySecret": f"Secret{name}"}
        account.ask("POST", "/keys", key)
        super().__init__(account.cloud, {"accountId": account.id, **key})
        self.name = key["accessKeyId"]
        self._variables = variables

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self._variables}


class Installation(Patient):
    """It ends with the test, or with the class of tests, that `case` is."""

    patience = 120.0
    cloud: Cloud | None = None

    def __init__(self, case):
        self.cluster = Cluster(case)
        self._plane = self.cluster.plane
        self._kubectl = Kubectl(self._plane)
        self._running = [self._plane]
        self._case = case

    def simulate(self, simulator: Path, account: dict) -> None:
        """Starts a cloud with this account, as the simulator takes it."""
        stack = contextlib.ExitStack()
        clean_up = self._case.addClassCleanup if isinstance(self._case, type) else self._case.addCleanup
        clean_up(stack.close)
        self._stack = stack
        self.cloud = stack.enter_context(Cloud(simulator, self._plane.audit_log.parent))
        # ActionTrail tells at once who it was.
        self.cloud.ask("PUT", "/settings", {"trailDelaySeconds": 0})
        self.account = Account(self.cloud, self.cloud.ask("POST", "/accounts", account))

    def install(self, chart: Path, values: Path) -> None:
        """Installs a chart, with the namespaces that objects are in."""
        self._values = values
        self._helm("install", chart, "--create-namespace")
        self.cluster.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in DEFINITIONS), "--timeout=30s")
        # Their storage comes a moment later; kubectl asks again for as long as the API server tells it to.
        self.cluster.kubectl("get", KINDS, IN)
        for name in NAMESPACES:
            self.cluster.namespace(name)

    def upgrade(self, chart: Path) -> None:
        self._helm("upgrade", chart)

    def roll_back(self) -> None:
        """Goes back to what was installed first."""
        self.cluster.helm("rollback", RELEASE, "1", IN)

    def _helm(self, verb: str, chart: Path, *flags: str) -> None:
        endpoints = {product: self.cloud.endpoint for product in ("ecs", "ess", "actiontrail")} if self.cloud else {}
        given = (f"--values={self._values}", f"--set-json=config.accounts[0].endpoints={json.dumps(endpoints)}")
        self.cluster.helm(verb, RELEASE, chart, IN, *given, *flags)

    def make_nodes(self, nodes: Path) -> None:
        """Nodes, with one that Karpenter has drained and whose machine it is about to release."""
        self.cluster.kubectl("create", "--filename", nodes, "--selector=part=definitions")
        self.cluster.kubectl("wait", "--for=condition=Established", "crd/nodeclaims.karpenter.sh", "--timeout=30s")
        self.cluster.kubectl("create", "--filename", nodes, "--selector=part!=definitions")
        # Their finalizer keeps both.
        self.cluster.kubectl("delete", "node,nodeclaim", "--selector=drained=true", "--wait=false")

    def start(self, name: str, program: Path) -> tuple[Key, Operator]:
        """Starts an operator as what is installed at the moment would: with its configuration, ServiceAccount and variables."""
        (container,) = self.cluster.get("deployment", RELEASE, IN)["spec"]["template"]["spec"]["containers"]
        key = Key(self.account, name, {each["name"]: each["value"] for each in container["env"] if "value" in each})
        config = self.cluster.get("configmap", RELEASE, IN)["data"]["config.yaml"]
        logs = self._plane.audit_log.parent / name
        logs.mkdir()
        operator = Operator(program, self._kubectl, key, logs, config=config)
        self._stack.enter_context(operator)
        self._running.append(operator)
        return key, operator

    def stop(self, operator: Operator) -> None:
        """Asks an operator to end, as a Pod is, and waits for it."""
        self._running.remove(operator)
        operator.__exit__(None, None, None)

    def until_ready(self, operator: Operator) -> None:
        """Waits until an operator has listed the objects, so that it could lead."""
        self.eventually("the operator is ready", lambda: answers(f"http://{operator.address()}/readyz"))

    def requests(self, key: Key) -> int:
        """How much an operator has asked of the cloud."""
        return sum(entry["accessKeyId"] == key.name for entry in self.account.log())

    def writes(self, key: Key, kind: Kind) -> int:
        """How often an operator has written the flag of a resource."""
        return sum(entry["accessKeyId"] == key.name for entry in self.account.writes(kind))

    def reads(self, key: Key, kind: Kind) -> int:
        """How often an operator has begun to list the region."""
        return sum(entry["accessKeyId"] == key.name for entry in self.account.listings(kind=kind))

    def until_swept(self, key: Key) -> None:
        """Waits until an operator has listed instances and interfaces twice more from beginning to end, so that a third listing begins."""
        goals = {kind: self.reads(key, kind) + 3 for kind in (INSTANCES, INTERFACES)}
        self.eventually(f"{key.name} sweeps the region", lambda: all(self.reads(key, kind) >= goal for kind, goal in goals.items()))

    def objects(self) -> list[dict]:
        """The custom resources as the API server shows them."""
        return self.cluster.get(KINDS, "--all-namespaces", "--show-managed-fields")["items"]

    def state(self) -> State:
        groups = self.account.ask("GET", "/scaling-groups")["scalingGroups"]
        cloud = {**self.account.instances(), **self.account.interfaces(), **{group["scalingGroupId"]: group for group in groups}}
        writes = [f"{entry['action']} {entry['parameters']}" for entry in self.account.log() if not entry["action"].startswith(READS)]
        return State(by_name(self.objects()), cloud, writes)

    def restore(self, text: str) -> dict[str, dict]:
        """Stores objects as they were stored: with their status, generation and identity, and with who manages which field. By name as in `by_name`."""
        # kubectl reads YAML, which Python's library does not.
        read = ("create", "--dry-run=client", "--validate=false", "--filename=-", "--output=json", "--show-managed-fields")
        found = by_name(printed(self.cluster.kubectl(*read, stdin=text)))
        for each in found.values():
            self.store(each)
        eventually(lambda: len(self.objects()) == len(found))
        return found

    def store(self, stored: dict) -> None:
        """Stores an object past the API server, which would begin it anew."""
        metadata = stored["metadata"]
        metadata.pop("resourceVersion", None)
        plural = f"{stored['kind'].lower()}s"
        self._put(f"/registry/ecs-keeper.io/{plural}/{metadata['namespace']}/{metadata['name']}", stored)

    def _put(self, key: str, stored: dict) -> None:
        put = {"key": key.encode(), "value": json.dumps(stored).encode()}
        body = json.dumps({name: base64.b64encode(text).decode() for name, text in put.items()}).encode()
        with WITHOUT_PROXY.open(urllib.request.Request(f"{self._plane.etcd}/v3/kv/put", data=body), timeout=30):
            pass


def answers(url: str) -> bool:
    """Whether somebody says there that all is well."""
    try:
        with WITHOUT_PROXY.open(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
