"""The comparison of granted and used access finds what is too much and what is too little."""

import json
import unittest

from access import Right, Roles, compare

OPERATOR = "system:serviceaccount:here:keeper"


def role(kind, *rules, name="keeper"):
    return {"kind": kind, "metadata": {"name": name}, "rules": [dict(zip(("apiGroups", "resources", "verbs"), rule)) for rule in rules]}


def binding(kind, name="keeper"):
    subject = {"kind": "ServiceAccount", "name": "keeper", "namespace": "here"}
    return {"kind": f"{kind}Binding", "metadata": {"name": "bound"}, "roleRef": {"kind": kind, "name": name}, "subjects": [subject]}


def request(verb, resource, group="", subresource="", *, by="ClusterRole", role="keeper", user=OPERATOR, decision="allow"):
    reason = f'RBAC: allowed by {by}Binding "bound" of {by} "{role}" to ServiceAccount "keeper/here"' if decision == "allow" else ""
    about = {key: value for key, value in (("apiGroup", group), ("resource", resource), ("subresource", subresource)) if value}
    annotations = {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": reason}
    return json.dumps({"verb": verb, "user": {"username": user}, "objectRef": about, "requestURI": "/", "annotations": annotations})


ROLES = Roles([
    role("ClusterRole", (["example.com"], ["things", "things/status"], ["patch"]), ([""], ["nodes"], ["list"])),
    binding("ClusterRole"),
    role("Role", (["coordination.k8s.io"], ["leases"], ["get"])),
    binding("Role"),
    # For people: bound to nobody here.
    role("ClusterRole", (["example.com"], ["things"], ["delete"]), name="keeper-edit"),
])

ALL = [
    request("patch", "things", "example.com"),
    request("patch", "things", "example.com", "status"),
    request("list", "nodes"),
    request("get", "leases", "coordination.k8s.io", by="Role"),
]


class I45(unittest.TestCase):
    def test_all_that_is_granted_was_used_and_nothing_else(self):
        self.assertEqual(compare(ROLES, ALL), [])

    def test_what_nobody_used_is_named(self):
        for unused, right in zip(range(len(ALL)), ("patch example.com/things:", "patch example.com/things/status:", "list nodes:", "get coordination.k8s.io/leases:")):
            with self.subTest(right):
                (complaint,) = compare(ROLES, ALL[:unused] + ALL[unused + 1 :])
                self.assertIn(right, complaint)

    def test_of_some_rights_alone_these_must_have_been_used(self):
        nodes = Right("ClusterRole", "list", "nodes")
        self.assertEqual(compare(ROLES, [ALL[2]], {nodes}), [])
        (complaint,) = compare(ROLES, [*ALL[:2], ALL[3]], {nodes})
        self.assertIn(str(nodes), complaint)
        (complaint,) = compare(ROLES, [ALL[2], request("get", "secrets", decision="forbid")], {nodes})
        self.assertIn("was forbidden to get secrets", complaint)

    def test_the_same_by_another_role_does_not_count(self):
        by_another = request("get", "leases", "coordination.k8s.io", by="ClusterRole")
        (complaint,) = compare(ROLES, [*ALL[:3], by_another])
        self.assertIn("Role: get coordination.k8s.io/leases", complaint)

    def test_what_somebody_else_did_does_not_count(self):
        others = [request("list", "nodes", user="admin"), request("list", "nodes", user="system:serviceaccount:there:keeper")]
        (complaint,) = compare(ROLES, [*ALL[:2], ALL[3], *others])
        self.assertIn("ClusterRole: list nodes", complaint)

    def test_what_was_forbidden_or_allowed_by_no_role_of_the_chart_is_named(self):
        for what, word in (
            (request("get", "secrets", decision="forbid"), "was forbidden to get secrets"),
            (request("create", "selfsubjectreviews", "authentication.k8s.io", role="system:basic-user"), "by no role of the chart"),
            (request("delete", "things", "example.com", role="keeper-edit"), "by no role of the chart"),
        ):
            with self.subTest(word):
                (complaint,) = compare(ROLES, [*ALL, what])
                self.assertIn(word, complaint)

    def test_a_log_without_any_operator_is_no_success(self):
        self.assertIn("The audit log tells of no request by an operator.", compare(ROLES, []))

    def test_what_is_not_understood_is_not_passed_over(self):
        odd = Roles([{"kind": "Role", "metadata": {"name": "keeper"}, "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]}, binding("Role")])
        with self.assertRaisesRegex(ValueError, "nonResourceURLs"):
            odd.granted()

    def test_rights_are_single(self):
        self.assertIn(Right("ClusterRole", "patch", "example.com/things/status"), ROLES.granted())
        self.assertEqual(len(ROLES.granted()), 4)


if __name__ == "__main__":
    unittest.main()
