"""The API server as the bench uses it: without kubectl, whose own start would be measured along."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from datetime import datetime, timezone
from pathlib import Path

from stage import NAMESPACE, SERVICE_ACCOUNT, Failed, Kubectl, eventually

OBJECTS = f"/apis/ecs-keeper.io/v1alpha1/namespaces/{NAMESPACE}/ecsinstanceprotections"
WRITING = {"create", "update", "patch", "delete", "deletecollection"}


def seconds(text: str) -> float:
    """A time of an API, as `time.time` tells it."""
    # Python before 3.11 reads neither the Z nor nanoseconds.
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp() + float(f"0.{fraction or 0}")


class ApiServer:
    """One connection, as administrator."""

    def __init__(self, kubectl: Kubectl, audit_log: Path):
        config = json.loads(kubectl("config", "view", "--raw", "--output=json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self._connection = http.client.HTTPSConnection(cluster["server"][len("https://") :], context=context, timeout=60)
        self._headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
        self._audit_log = audit_log

    def ask(self, method: str, path: str, body=None):
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer = json.load(response)
        if response.status >= 300:
            raise Failed(f"{method} {path}: {answer.get('message', response.status)}")
        return answer

    def create(self, name: str, targets: dict, region: str | None) -> float:
        """Creates an object; answers when the API server had accepted it."""
        spec = {"targets": targets, **({"region": region} if region else {})}
        self.ask("POST", OBJECTS, {"apiVersion": "ecs-keeper.io/v1alpha1", "kind": "EcsInstanceProtection", "metadata": {"name": name}, "spec": spec})
        return time.time()

    def create_node(self, name: str, provider_id: str) -> None:
        node = {"metadata": {"name": name, "labels": {"machine": name}}, "spec": {"providerID": provider_id}}
        self.ask("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", **node})

    def protected(self) -> int:
        """How many objects say `Protected` of their newest generation."""

        def says(item: dict) -> bool:
            conditions = {each["type"]: each for each in item["status"].get("conditions", [])}
            protected = conditions.get("Protected", {})
            return protected.get("status") == "True" and protected.get("observedGeneration") == item["metadata"]["generation"]

        return sum(map(says, self.ask("GET", OBJECTS)["items"]))

    def state(self, name: str) -> str | None:
        """One object's state in one word."""
        return self.ask("GET", f"{OBJECTS}/{name}")["status"].get("protectionState")

    def clear(self) -> None:
        """Deletes all objects and Nodes."""
        for path in (OBJECTS, "/api/v1/nodes"):
            self.ask("DELETE", path)
            if not eventually(lambda path=path: not self.ask("GET", path)["items"]):
                raise Failed(f"{path} could not be emptied.")

    def operator_writes(self, since: float, until: float) -> int:
        """How often the operator wrote to the API server meanwhile, Events included, from the audit log."""

        def counts(record: dict) -> bool:
            mine = record["user"]["username"] == SERVICE_ACCOUNT and record["verb"] in WRITING
            return mine and since <= seconds(record["requestReceivedTimestamp"]) < until

        with open(self._audit_log) as log:
            # The last line may be half written.
            return sum(counts(json.loads(line)) for line in log if SERVICE_ACCOUNT in line and line.endswith("}\n"))
