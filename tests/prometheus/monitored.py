"""An operator that is scraped, and what happens in the cloud while Prometheus looks: of each thing that the dashboard shows, something."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta, timezone

from prometheus import Failed, Prometheus  # Puts what follows on the path.
from stage import NAMESPACE, REGION, Account, Cloud, ControlPlane, Kubectl, Operator, Patient, build, install

IN = f"--namespace={NAMESPACE}"
SWEEP = "2s"
# Seconds. A new leader leaves standing for a while what it can't read.
PATIENCE = 120.0

DRIFTING, EXCEPTED = "i-web1", "i-web2"
HOST, INTERFACE = "i-gate", "eni-gate"
SUBSCRIPTION = "i-ledger"

MACHINES = [
    *({"instanceId": name, "tags": {"env": "prod"}} for name in (DRIFTING, EXCEPTED, "i-web3")),
    {"instanceId": SUBSCRIPTION, "instanceChargeType": "PrePaid"},
    {"instanceId": HOST, "networkInterfaces": [{"networkInterfaceId": INTERFACE}]},
]


class Monitored(Patient):
    """A cluster, a cloud, an operator and a Prometheus. They end with the class of tests."""

    patience = PATIENCE

    def __init__(self, case: type):
        with contextlib.ExitStack() as stack:
            programs = build("dev")
            self._plane = stack.enter_context(ControlPlane())
            self._logs = self._plane.audit_log.parent
            self._kubectl = Kubectl(self._plane)
            cloud = stack.enter_context(Cloud(programs["ecs-simulator"], self._logs))
            self._account = cloud.account(MACHINES)
            install(self._plane, self._kubectl)
            # Refused once: the first session is obtained with the second attempt.
            self._fault("AssumeRole", {"kind": "error", "code": "ServiceUnavailable"})
            operator = Operator(programs["ecs-keeper"], self._kubectl, self._account, self._logs, sweep=SWEEP, accounts=self._accounts(), attribution={"delay": "1s"})
            self._running = [self._plane, stack.enter_context(operator)]
            address = self.eventually("the operator serves metrics", operator.address)
            self.prometheus = stack.enter_context(Prometheus(address, self._logs))
            self._running.append(self.prometheus)
            self._stack = stack.pop_all()
        case.addClassCleanup(self._stack.close)

    def _accounts(self) -> list[dict]:
        """One that is used through a session, and one whose key nobody knows."""
        key = {"accessKeyId": "LTAI5tNobodyKnowsThisKey", "accessKeySecret": "NobodyKnowsThisSecret00000001"}
        files = {name: self._logs / name for name in key}
        for name, path in files.items():
            path.write_text(key[name])
        endpoints = {product: self._account.cloud.endpoint for product in ("ecs", "ess", "actiontrail")}
        credentials = {"files": {name: str(path) for name, path in files.items()}}
        return [
            {"name": "default", "endpoints": endpoints, "assumeRole": {"roleArn": role(self._account)}, "attribution": "ActionTrail"},
            {"name": "refused", "endpoints": endpoints, "credentials": credentials},
        ]

    def tell(self) -> None:
        """Tells it to its end."""
        self._objects()
        self._throttled()
        self._drift()
        self._a_survivor()
        self._wait("ecsprot/foreign", "condition=Stalled")

    def _objects(self) -> None:
        """Objects that are well, one that can't be, and one of an account that can't be read."""
        until = datetime.now(timezone.utc) + timedelta(hours=1)
        exception = {"instanceId": EXCEPTED, "until": f"{until:%Y-%m-%dT%H:%M:%SZ}", "reason": "is repaired"}
        self._apply("EcsInstanceProtection", "web", targets={"instanceTags": [{"key": "env", "value": "prod"}]}, exceptions=[exception])
        self._apply("EcsInstanceProtection", "ledger", targets={"instanceIds": [SUBSCRIPTION]})
        self._apply("EcsInstanceProtection", "foreign", account="refused", targets={"instanceIds": ["i-foreign"]})
        self._apply("EniRetention", "gate", targets={"instanceIds": [HOST]})
        self._wait("ecsprot/web", "jsonpath={.status.exceptions[0].phase}=InForce")
        self._wait("ecsprot/web", "condition=Protected")
        self._wait("ecsprot/ledger", "condition=Stalled")
        self._wait("eniret/gate", "condition=Retained")

    def _throttled(self) -> None:
        # Twice: a rate does not see the one that a series begins with.
        for times in (1, 2):
            self._fault("DescribeInstances", {"kind": "throttle"})
            self._seen(f'ecs_keeper_cloud_calls_total{{outcome="Throttled"}} == {times}')

    def _drift(self) -> None:
        # A rate needs the series from before the repair.
        self._seen('ecs_keeper_repair_duration_seconds_count{flag="DeletionProtection",account="default"} == 0')
        self._account.switch_off(DRIFTING)
        self._seen('ecs_keeper_repair_duration_seconds_count{flag="DeletionProtection",account="default"} == 1')
        if DRIFTING not in self._account.protected():
            raise Failed(f"{DRIFTING} is said to be repaired, and is not.")
        self._seen("sum(ecs_keeper_attributions_total) == 1")

    def _a_survivor(self) -> None:
        self._account.release(HOST)
        self._seen('ecs_keeper_free_interfaces{phase="Available",account="default"} > 0')

    def _fault(self, operation: str, fault: dict) -> None:
        self._account.cloud.ask("POST", "/faults", {"operation": operation, "account": self._account.id, "times": 1, "fault": fault})

    def _apply(self, kind: str, name: str, **spec) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        path = self._logs / f"{name}.json"
        path.write_text(json.dumps({"apiVersion": "ecs-keeper.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": {"region": REGION, **spec}}))
        self._kubectl("apply", f"--filename={path}")

    def _wait(self, name: str, what: str) -> None:
        self._kubectl("wait", f"--for={what}", name, IN, f"--timeout={PATIENCE:.0f}s")

    def _seen(self, expression: str) -> None:
        self.eventually(f"Prometheus sees {expression}", lambda: self.prometheus.query(expression))


def role(account: Account) -> str:
    """The ARN of a new role that the account's users may assume, and that may do everything."""
    trusts = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [f"acs:ram::{account.id}:root"]}}
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policies = [{"Version": "1", "Statement": [may]}]
    return account.ask("POST", "/roles", {"roleName": "keeper", "trustPolicy": {"Version": "1", "Statement": [trusts]}, "policies": policies})["arn"]
