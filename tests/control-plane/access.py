"""RBAC used = RBAC granted, in both directions (I45): what the chart's roles allow is compared with what the audit log tells of the operators.

The tests install the chart's roles once for each operator. A right counts as used if any of the operators used it. So this is asked once, after all
tests; after some of them it would only say which tests did not run. What the chart grants with some of its values only is asked for alone, after the
tests with these values.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CHART = Path(__file__).resolve().parent.parent.parent / "deploy" / "charts" / "ecs-keeper"

# What the chart labels all its objects with.
LABEL = "app.kubernetes.io/name=ecs-keeper"

# As the RBAC authorizer words it (k8s.io/kubernetes, plugin/pkg/auth/authorizer/rbac, `ruleAccumulator`).
ALLOWED = re.compile(r'^RBAC: allowed by (?:Cluster)?RoleBinding "[^"]+" of (?P<kind>(?:Cluster)?Role) "(?P<role>[^"]+)" to ')


class Right(NamedTuple):
    """One verb on one resource, granted by a role of one kind."""

    kind: str
    verb: str
    resource: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.verb} {self.resource}"


class Roles:
    """The roles that are bound to the operators' ServiceAccounts."""

    def __init__(self, objects: Iterable[dict]):
        """From the bindings and roles that stand in the cluster."""
        bindings, self._rules, self.operators = [], {}, set()
        for each in objects:
            if each["kind"].endswith("Binding"):
                bindings.append(each)
            else:
                self._rules[each["kind"], each["metadata"]["name"]] = each["rules"]
        self.names = {(binding["roleRef"]["kind"], binding["roleRef"]["name"]) for binding in bindings}
        for subject in (subject for binding in bindings for subject in binding["subjects"]):
            self.operators.add(f"system:serviceaccount:{subject['namespace']}:{subject['name']}")

    def granted(self) -> set[Right]:
        """Every right of every rule."""
        return {right for kind, name in self.names for rule in self._rules[kind, name] for right in _rights(kind, rule)}


def _rights(kind: str, rule: dict) -> Iterable[Right]:
    if unknown := rule.keys() - {"apiGroups", "resources", "verbs"}:
        raise ValueError(f"A rule of a {kind} has {', '.join(sorted(unknown))}, which this comparison does not understand.")
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            yield from (Right(kind, verb, f"{group}/{resource}".lstrip("/")) for verb in rule["verbs"])


def compare(roles: Roles, audit_log: Iterable[str], granted: set[Right] | None = None) -> list[str]:
    """What does not agree, in sentences. `granted`: the rights that must have been used, if not all of the roles."""
    used, complaints, requests = set(), set(), 0
    for line in audit_log:
        # Most lines are of somebody else, and there are very many.
        if '"system:serviceaccount:' not in line:
            continue
        record = json.loads(line)
        if record["user"]["username"] not in roles.operators:
            continue
        requests += 1
        about = record.get("objectRef")
        # Of `kube-root-ca.crt` and the like: what isn't a resource has no reference.
        resource = "/".join(filter(None, map(about.get, ("apiGroup", "resource", "subresource")))) if about else record["requestURI"]
        decision, reason = (record["annotations"].get(f"authorization.k8s.io/{key}", "") for key in ("decision", "reason"))
        allowed = ALLOWED.match(reason)
        if decision != "allow":
            complaints.add(f"An operator was forbidden to {record['verb']} {resource}: grant it in the chart, or don't ask for it.")
        elif allowed and (allowed["kind"], allowed["role"]) in roles.names:
            used.add(Right(allowed["kind"], record["verb"], resource))
        else:
            complaints.add(f"An operator may {record['verb']} {resource} by no role of the chart ({reason}): grant it there, or don't ask for it.")
    granted = roles.granted() if granted is None else granted
    if not requests:
        complaints.add("The audit log tells of no request by an operator.")
    complaints.update(f"No test uses what the chart grants, {right}: take it out of the role, or test what needs it." for right in granted - used)
    return sorted(complaints)


def complaints(plane, granted: set[Right] | None = None) -> list[str]:
    """What does not agree on a control plane on which all tests have run. `granted` as for `compare`."""
    kinds = "clusterroles,clusterrolebindings,roles,rolebindings"
    found = json.loads(_kubectl(plane, "get", kinds, "--all-namespaces", f"--selector={LABEL}", "--output=json"))
    with open(plane.audit_log, encoding="utf-8") as log:
        return compare(Roles(found["items"]), log, granted)


def granted_with(plane, value: str) -> set[Right]:
    """What the chart grants only with a value, as Helm's `--set` takes it."""
    return _rendered(plane, f"--set={value}") - _rendered(plane)


def _rendered(plane, *flags: str) -> set[Right]:
    templates = (f"--show-only=templates/{name}.yaml" for name in ("clusterrole", "role"))
    manifests = subprocess.run([plane.helm, "template", "keeper", CHART, *templates, *flags], check=True, stdout=subprocess.PIPE).stdout
    found = _kubectl(plane, "apply", "--dry-run=client", "--output=json", "--filename=-", stdin=manifests)
    return Roles(json.loads(found)["items"]).granted()


def _kubectl(plane, *arguments: str, stdin: bytes | None = None) -> bytes:
    return subprocess.run([plane.kubectl, *arguments], input=stdin, env=plane.environment(), check=True, stdout=subprocess.PIPE).stdout
