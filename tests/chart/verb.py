"""The two kinds as somebody writes them, a release with users of every sort, and the chart's policies."""

from __future__ import annotations

import json
import unittest
from typing import NamedTuple

from chart import CHART, RELEASE, Cluster, given
from people import GROUP, People, until

NAMESPACE = "keeper"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:ecs-keeper"

# What each user is bound to in the namespace.
USERS = {
    "view": ["view"],
    "edit": ["edit"],
    "edit-unprotect": ["edit", "ecs-keeper-unprotect"],
    "admin": ["admin"],
    # As Argo CD's application controller has it: every verb on everything.
    "gitops": ["cluster-admin"],
}
ROLES_FOR_ALL = {"userRoles.aggregate": {"toView": True, "toEdit": True, "toAdmin": True}}


class Kind(NamedTuple):
    """What the two kinds call the same things."""

    kind: str
    plural: str
    act: dict
    """An act, and the state without it."""
    state: dict
    permission: dict
    """A permission that stands, and the lack of it."""
    keep: dict
    idle: dict
    """The rest of a spec."""

    def object(self, name: str, *spec: dict, **metadata) -> dict:
        """An object with a spec that leaves nothing out, so that every way to write it writes the same."""
        whole = {"region": "cn-hangzhou", **self.idle, **self.state, **self.keep}
        for part in spec:
            whole.update(part)
        return {"apiVersion": "ecs-keeper.io/v1alpha1", "kind": self.kind, "metadata": {"name": name, **metadata}, "spec": whole}

    def path(self, name: str = "", namespace: str = NAMESPACE) -> str:
        return f"{GROUP}/namespaces/{namespace}/{self.plural}" + (f"/{name}" if name else "")


TARGETS = {"targets": {"instanceIds": ["i-a"]}}
MORE = {"targets": {"instanceIds": ["i-a", "i-b"]}}
LESS = {"targets": {"instanceIds": ["i-a"], "exclude": {"instanceIds": ["i-a"]}}}
BEHIND_NODES = {"targets": {"nodes": {"matchLabels": {"pool": "a"}}}}
BEHIND_OTHER_NODES = {"targets": {"nodes": {"matchLabels": {"pool": "b"}}}}
KEEP_PROTECTED = {"nodeRemoval": "KeepProtected"}
LIFTING = {**BEHIND_NODES, "nodeRemoval": "Lift"}
ENFORCE, OBSERVE = {"mode": "Enforce"}, {"mode": "Observe"}
INSTANCES = Kind(
    "EcsInstanceProtection",
    "ecsinstanceprotections",
    act={"protection": "Disabled"},
    state={"protection": "Enabled"},
    permission={"deletionPolicy": "Disable"},
    keep={"deletionPolicy": "Keep"},
    idle={**TARGETS, **ENFORCE, **KEEP_PROTECTED, "scaleIn": "Report"},
)
# The same kind, with its other act.
SCALE_IN = INSTANCES._replace(act={"scaleIn": "Unprotect"}, state={"scaleIn": "Report"}, idle={**INSTANCES.idle, "protection": "Enabled"})
INTERFACES = Kind(
    "EniRetention",
    "eniretentions",
    act={"retention": "Release"},
    state={"retention": "Retain"},
    permission={"deletionPolicy": "Release"},
    keep={"deletionPolicy": "Keep"},
    idle={**TARGETS, **ENFORCE, "interfaceTypes": ["Primary"]},
)
KINDS = (INSTANCES, INTERFACES)
ACTS = (*KINDS, SCALE_IN)
REATTACH = {"reattach": [{"networkInterfaceId": "eni-a", "instanceId": "i-a"}]}
EXCEPTION = {"instanceId": "i-a", "until": "2026-12-01T18:00:00Z", "reason": "replaced by i-b"}
OTHER_EXCEPTION = {**EXCEPTION, "instanceId": "i-b"}
BOTH_TYPES = {"interfaceTypes": ["Primary", "Secondary"]}


def excepting(*entries: dict) -> dict:
    """A spec with these exceptions."""
    return {"exceptions": list(entries)}


def expected(user: str, needs: bool) -> str:
    """What somebody is to be answered."""
    if user == "view":
        return "role"
    return "verb" if needs and user in ("edit", "admin") else "allowed"


class Verb(unittest.TestCase):
    """What the tests of this file share: a cluster with a release, its users, and the policies in effect."""

    values: dict = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls)
        cls.kubectl = cls.cluster.kubectl
        cls.people = People(cls.cluster)
        cls.addClassCleanup(cls.people.close)
        cls.cluster.helm("install", RELEASE, CHART, f"--namespace={NAMESPACE}", "--create-namespace", *given({**ROLES_FOR_ALL, **cls.values}))
        cls.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        for user, roles in USERS.items():
            cls.people.bind(NAMESPACE, user, *roles)
        for kind in KINDS:
            ask = (kind.path() + "?dryRun=All", kind.object("ready", kind.act))
            until("the policies are in effect", lambda: [cls.asked(user, *ask) for user in ("edit", "admin")] == ["verb", "verb"])

    @classmethod
    def asked(cls, user, path, body):
        return cls.people.ask(user, "POST", path, body).outcome()

    def make(self, kind, name, *spec, namespace=NAMESPACE, **metadata):
        return self.people.make(kind.path(namespace=namespace), kind.object(name, *spec, **metadata))

    def ask(self, user, method, path, body=None, media="application/json"):
        return self.people.ask(user, method, path, body, media).outcome()

    def patch(self, user, path, body):
        return self.ask(user, "PATCH", path, body, "application/merge-patch+json")

    def get(self, path):
        return self.people.ask(None, "GET", path)

    def namespace(self, name, user="edit"):
        """A namespace of one test's own, in which a user may edit."""
        self.cluster.namespace(name)
        self.people.bind(name, user, "edit")
        note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note"}}
        path = f"/api/v1/namespaces/{name}/configmaps?dryRun=All"
        until("the role is in effect", lambda: self.ask(user, "POST", path, note) == "allowed")
        return name


def rendered(cluster, values):
    """The policies and bindings that Helm renders for these values."""
    manifests = cluster.helm("template", RELEASE, CHART, f"--namespace={NAMESPACE}", "--show-only=templates/unprotectverb.yaml", *given(values))
    # kubectl reads YAML, which Python's standard library doesn't.
    create = ("create", "--dry-run=client", "--output=json", "--filename=-")
    answer = cluster.kubectl(*create, stdin=manifests)
    decoder, objects, rest = json.JSONDecoder(), [], answer.strip()
    while rest:
        found, end = decoder.raw_decode(rest)
        objects += found["items"] if found["kind"] == "List" else [found]
        rest = rest[end:].lstrip()
    return [each for each in objects if each["kind"].startswith("ValidatingAdmissionPolicy")]
