"""People who ask an API server for something, each with roles of their own."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import time
from typing import NamedTuple

from chart import PATIENCE, Cluster

GROUP = "/apis/ecs-keeper.io/v1alpha1"

# Seconds after which a connection is no longer used on which nothing was asked: the API server ends it at some time, and does not say so.
IDLE = 10


class Answer(NamedTuple):
    """What the API server says to one request."""

    code: int
    said: dict

    @property
    def message(self) -> str:
        return self.said.get("message", "")

    def outcome(self) -> str:
        """One word: `allowed`, `role` if no role allows it, `verb` if a policy asks for the verb, otherwise all of it."""
        if self.code in (200, 201, 202):
            return "allowed"
        if self.code == 403 and re.search(r' cannot \w+ resource "', self.message):
            return "role"
        if self.code == 403 and "ValidatingAdmissionPolicy" in self.message and "this needs the verb unprotect" in self.message:
            return "verb"
        return f"{self.code}: {self.message}"


class People:
    """Requests in the name of anybody. Through no kubectl, so that thousands of them take seconds."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        kubeconfig = cluster.plane.kubeconfig.read_text()
        given = dict(re.findall(r"^ +(server|certificate-authority-data|token): (\S+)$", kubeconfig, re.MULTILINE))
        self._token = given["token"]
        context = ssl.create_default_context(cadata=base64.b64decode(given["certificate-authority-data"]).decode())
        host, _, port = given["server"].removeprefix("https://").partition(":")
        self._connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=PATIENCE)
        self._asked = time.monotonic()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def ask(self, user: str | None, method: str, path: str, body=None, media: str = "application/json") -> Answer:
        """A request of a user's, or of the administrator's."""
        if time.monotonic() - self._asked > IDLE:
            # The next request makes another one.
            self._connection.close()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": media, **({"Impersonate-User": user} if user else {})}
        self._connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        response = self._connection.getresponse()
        said = json.loads(response.read())
        self._asked = time.monotonic()
        return Answer(response.status, said)

    def make(self, path: str, body: dict) -> dict:
        """What the administrator creates."""
        answer = self.ask(None, "POST", path, body)
        assert answer.code == 201, answer
        return answer.said

    def bind(self, namespace: str, user: str, *roles: str) -> None:
        """Gives a user ClusterRoles in a namespace."""
        for role in roles:
            self.cluster.kubectl("create", "rolebinding", f"{user}-{role}", f"--namespace={namespace}", f"--clusterrole={role}", f"--user={user}")


def until(what: str, condition) -> None:
    """Waits until the condition holds: policies and aggregated roles take effect a moment after they are written."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.1)
