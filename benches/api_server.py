"""The API server as the bench uses it: without kubectl, whose own start would be measured along."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from connection import Connection
from stage import NAMESPACE, SERVICE_ACCOUNT, Failed, Kubectl, eventually

WRITING = {"create", "update", "patch", "delete", "deletecollection"}


@dataclass(frozen=True)
class Resource:
    """A kind of custom resource."""

    kind: str
    plural: str
    condition: str
    """The one to wait for."""

    @property
    def path(self) -> str:
        return f"/apis/ecs-keeper.io/v1alpha1/namespaces/{NAMESPACE}/{self.plural}"


PROTECTIONS = Resource("EcsInstanceProtection", "ecsinstanceprotections", "Protected")
RETENTIONS = Resource("EniRetention", "eniretentions", "Retained")


def seconds(text: str) -> float:
    """A time of an API, as `time.time` tells it."""
    # Python before 3.11 reads neither the Z nor nanoseconds.
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp() + float(f"0.{fraction or 0}")


class ApiServer:
    """Asked as administrator."""

    def __init__(self, kubectl: Kubectl, audit_log: Path):
        config = json.loads(kubectl("config", "view", "--raw", "--output=json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        client = http.client.HTTPSConnection(cluster["server"][len("https://") :], context=context, timeout=60)
        self.ask = Connection(client, {"Authorization": f"Bearer {user['token']}"}).ask
        self._audit_log = audit_log

    def create(self, resource: Resource, name: str, targets: dict, region: str | None, **others) -> float:
        """Creates an object, with more fields of its spec; answers when the API server had accepted it."""
        spec = {"targets": targets, **({"region": region} if region else {}), **others}
        self.ask("POST", resource.path, {"apiVersion": "ecs-keeper.io/v1alpha1", "kind": resource.kind, "metadata": {"name": name}, "spec": spec})
        return time.time()

    def create_node(self, name: str, provider_id: str) -> None:
        node = {"metadata": {"name": name, "labels": {"machine": name}}, "spec": {"providerID": provider_id}}
        self.ask("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", **node})

    def satisfied(self, resource: Resource) -> int:
        """How many objects say of their newest generation that all is as it should be."""
        return sum(_satisfied(resource, item) for item in self.ask("GET", resource.path)["items"])

    def is_satisfied(self, resource: Resource, name: str) -> bool:
        """Whether one object does."""
        return _satisfied(resource, self.ask("GET", f"{resource.path}/{name}"))

    def is_ready(self, resource: Resource, name: str) -> bool:
        """Whether nothing is left to do for the newest generation of an object."""
        return _is_true("Ready", self.ask("GET", f"{resource.path}/{name}"))

    def clear(self) -> None:
        """Deletes all objects and Nodes."""
        for path in (PROTECTIONS.path, RETENTIONS.path, "/api/v1/nodes"):
            self.ask("DELETE", path)
            if not eventually(lambda path=path: not self.ask("GET", path)["items"]):
                raise Failed(f"{path} could not be emptied.")

    def operator_writes(self, since: float, until: float) -> int:
        """How often the operator wrote to the API server meanwhile, Events included and Leases apart, from the audit log."""

        def counts(record: dict) -> bool:
            mine = record["user"]["username"] == SERVICE_ACCOUNT and record["verb"] in WRITING
            lease = record.get("objectRef", {}).get("resource") == "leases"
            return mine and not lease and since <= seconds(record["requestReceivedTimestamp"]) < until

        with open(self._audit_log) as log:
            # The last line may be half written.
            return sum(counts(json.loads(line)) for line in log if SERVICE_ACCOUNT in line and line.endswith("}\n"))


def _satisfied(resource: Resource, item: dict) -> bool:
    return _is_true(resource.condition, item)


def _is_true(name: str, item: dict) -> bool:
    conditions = {each["type"]: each for each in item["status"].get("conditions", [])}
    condition = conditions.get(name, {})
    return condition.get("status") == "True" and condition.get("observedGeneration") == item["metadata"]["generation"]
