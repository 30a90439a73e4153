"""Who may ask for unprotecting, and how (I57). No operator runs here; its own requests are made in its name. Most requests are dry runs, which the API
server judges like others.
"""

from __future__ import annotations

import itertools
import unittest

from chart import Failed, run
from people import until
from unprotect_cases import Case, cases
from verb import EXCEPTION, INSTANCES, INTERFACES, KINDS, MORE, NAMESPACE, OBSERVE, OPERATOR, SCALE_IN, USERS, Verb, excepting, expected


def ways(case: Case, name: str, stored: dict | None):
    """How a change can be asked for: the way, and the request without its user."""
    path, dry = case.kind.path(name), "dryRun=All"
    if case.after is None:
        yield "delete", ("DELETE", f"{path}?{dry}")
        # What is asked with a body counts alone.
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground", "dryRun": ["All"]}
        yield "delete in the foreground", ("DELETE", path, options)
        return
    metadata = case.after.get("metadata", {})
    after = case.kind.object(name, {key: value for key, value in case.after.items() if key != "metadata"}, **metadata)
    yield "server-side apply", ("PATCH", f"{path}?{dry}&fieldManager=test&force=true", after, "application/apply-patch+yaml")
    if stored is None:
        yield "create", ("POST", f"{case.kind.path()}?{dry}", after)
        return
    version = {"resourceVersion": stored["metadata"]["resourceVersion"]}
    yield "update", ("PUT", f"{path}?{dry}", {**after, "metadata": {**after["metadata"], **version}})
    yield "merge patch", ("PATCH", f"{path}?{dry}", {"metadata": metadata, "spec": after["spec"]}, "application/merge-patch+json")
    replaced = [{"op": "add", "path": f"/metadata/{key}", "value": value} for key, value in metadata.items()]
    replaced += [{"op": "replace", "path": "/spec", "value": after["spec"]}]
    yield "JSON patch", ("PATCH", f"{path}?{dry}", replaced, "application/json-patch+json")


class Requests(Verb):
    """Who may ask for what, and how."""

    def test_i57_every_way_of_asking_needs_the_verb_and_no_way_back_does(self):
        seen = set()
        for number, case in enumerate(cases()):
            name = f"case-{number}"
            stored = None if case.before is None else self.make(case.kind, name, case.before)
            for user, (way, request) in itertools.product(USERS, ways(case, name, stored)):
                with self.subTest(kind=case.kind.kind, change=case.what, way=way, user=user):
                    self.assertEqual(self.ask(user, *request), expected(user, case.needs))
                seen.add((user, way, case.needs))
        # Every user has tried every way of both sorts.
        updates = {"server-side apply", "create", "update", "merge patch", "JSON patch", "delete", "delete in the foreground"}
        self.assertEqual(seen, set(itertools.product(USERS, updates, (True, False))))

    def test_i57_a_refusal_names_the_verb_and_the_role_and_the_way_out(self):
        for kind, act, permission in (
            (INSTANCES, "protection: Disabled switches release protection off, once more with every change of the spec:", "Disable"),
            (SCALE_IN, "scaleIn: Unprotect gives instances up to scale-in, once more with every change of the spec:", None),
            (INTERFACES, "retention: Release gives network interfaces up, once more with every change of the spec:", "Release"),
        ):
            needs = f"this needs the verb unprotect on {kind.plural}.ecs-keeper.io, which the ClusterRole ecs-keeper-unprotect gives"
            asked = self.people.ask("edit", "POST", kind.path(), kind.object("refused", kind.act))
            self.assertTrue(asked.message.endswith(f"denied request: {act} {needs}"), asked)
            self.assertEqual((asked.code, asked.said["reason"]), (403, "Forbidden"))
            if permission is None:
                continue
            self.make(kind, "refusing", kind.permission)
            deleted = self.people.ask("edit", "DELETE", kind.path("refusing"))
            back = ": ".join(*kind.state.items()) + (" and scaleIn: Report" if kind is INSTANCES else "")
            sentence = f"Under deletionPolicy: {permission}, deleting the object unprotects its targets: set deletionPolicy: Keep and {back} first."
            self.assertIn(sentence, deleted.message)
            self.assertTrue(deleted.message.endswith(needs), deleted)
            # What it says helps.
            self.assertEqual(self.patch("edit", kind.path("refusing"), {"spec": kind.keep}), "allowed")
            self.assertEqual(self.ask("edit", "DELETE", kind.path("refusing")), "allowed")
            self.assertEqual(self.get(kind.path("refusing")).code, 404)
        self.make(SCALE_IN, "giving-up", {**INSTANCES.permission, **SCALE_IN.act})
        way_out = {"deletionPolicy": "Keep", "protection": "Enabled", "scaleIn": "Report"}
        self.assertEqual(self.patch("edit", SCALE_IN.path("giving-up"), {"spec": way_out}), "allowed")

    def test_i57_a_refusal_of_an_exception_names_the_verb_and_the_role(self):
        self.make(INSTANCES, "observing", excepting(EXCEPTION), OBSERVE)
        needs = "this needs the verb unprotect on ecsinstanceprotections.ecs-keeper.io, which the ClusterRole ecs-keeper-unprotect gives"
        wanted = f"Each new or changed entry of exceptions has release protection switched off, and so has mode: Enforce with all entries: {needs}"
        asked = [
            self.people.ask("edit", "POST", INSTANCES.path(), INSTANCES.object("refused", excepting(EXCEPTION))),
            self.people.ask("edit", "PATCH", INSTANCES.path("observing"), {"spec": {"mode": "Enforce"}}, "application/merge-patch+json"),
        ]
        for answer in asked:
            self.assertTrue(answer.message.endswith(f"denied request: {wanted}"), answer)
            self.assertEqual((answer.code, answer.said["reason"]), (403, "Forbidden"))

    def test_i57_the_verb_counts_in_its_namespace_and_on_its_kind(self):
        here, elsewhere = self.namespace("verb-here", "ada"), self.namespace("verb-elsewhere", "ada")
        self.people.bind(elsewhere, "ada", "ecs-keeper-unprotect")
        only = ("--verb=unprotect", "--resource=eniretentions.ecs-keeper.io")
        self.kubectl("create", "role", "interfaces", f"--namespace={here}", *only)
        self.kubectl("create", "rolebinding", "interfaces", f"--namespace={here}", "--role=interfaces", "--user=ada")

        def asked():
            return {
                (namespace, kind.kind): self.ask("ada", "POST", f"{kind.path(namespace=namespace)}?dryRun=All", kind.object("asking", kind.act))
                for namespace in (here, elsewhere)
                for kind in KINDS
            }

        wanted = {
            (here, "EcsInstanceProtection"): "verb",
            (here, "EniRetention"): "allowed",
            (elsewhere, "EcsInstanceProtection"): "allowed",
            (elsewhere, "EniRetention"): "allowed",
        }
        until("the roles are in effect", lambda: asked() == wanted)

    def test_i57_an_account_that_may_do_everything_can_be_narrowed(self):
        # As docs/unprotecting.md says.
        rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]}
        rbac = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
        self.people.make(rbac, {**role, "metadata": {"name": "narrowed"}, "rules": [rule]})
        self.kubectl("create", "clusterrolebinding", "narrowed", "--clusterrole=narrowed", "--user=narrowed")
        for kind in KINDS:
            path = f"{kind.path()}?dryRun=All"
            until("the role is in effect", lambda path=path, kind=kind: self.ask("narrowed", "POST", path, kind.object("narrowed")) == "allowed")
            self.assertEqual(self.ask("narrowed", "POST", path, kind.object("narrowed", kind.act)), "verb")
        holding = {**rule, "verbs": ["unprotect"]}
        made = self.people.ask("narrowed", "POST", rbac, {**role, "metadata": {"name": "holding"}, "rules": [holding]})
        self.assertIn("attempting to grant RBAC permissions not currently held", made.message)
        bound = ("create", "rolebinding", "narrowed", f"--namespace={NAMESPACE}", "--clusterrole=ecs-keeper-unprotect", "--user=narrowed", "--as=narrowed")
        with self.assertRaisesRegex(Failed, "attempting to grant RBAC permissions not currently held"):
            self.kubectl(*bound)

    def test_i57_the_verb_alone_allows_nothing(self):
        namespace = self.cluster.namespace("verb-alone")
        self.people.bind(namespace, "grace", "ecs-keeper-unprotect")
        review = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        for kind in KINDS:
            asks = {"group": "ecs-keeper.io", "resource": kind.plural, "verb": "unprotect", "namespace": namespace}
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "grace", "resourceAttributes": asks}}
            until("the role is in effect", lambda body=body: self.people.ask(None, "POST", review, body).said["status"]["allowed"])
            self.make(kind, "standing", kind.permission, namespace=namespace)
            self.assertEqual(self.ask("grace", "POST", kind.path(namespace=namespace), kind.object("asking", kind.act)), "role")
            self.assertEqual(self.ask("grace", "DELETE", kind.path("standing", namespace)), "role")

    def test_i57_kubectl_edit_needs_the_verb_and_its_way_back_does_not(self):
        def edit(user, kind, name, before, after):
            (field, old), (_, new) = *before.items(), *after.items()
            script = self.cluster.folder / "editor"
            script.write_text(f"#!/bin/sh\nexec sed -i 's/^  {field}: {old}$/  {field}: {new}/' \"$1\"\n")
            script.chmod(0o755)
            plane = self.cluster.plane
            environment = {**plane.environment(), "KUBE_EDITOR": str(script), "TMPDIR": str(self.cluster.folder)}
            return run([plane.kubectl, "edit", kind.plural, name, f"--namespace={NAMESPACE}", f"--as={user}"], environment=environment)

        for kind in KINDS:
            for before, after in ((kind.state, kind.act), (kind.keep, kind.permission)):
                name = f"edited-{next(iter(after.values())).lower()}-{next(iter(after)).lower()}"
                made = self.make(kind, name)
                with self.assertRaisesRegex(Failed, "this needs the verb unprotect"):
                    edit("edit", kind, name, before, after)
                self.assertEqual(self.get(kind.path(name)).said["spec"], made["spec"])
                edit("edit-unprotect", kind, name, before, after)
                self.assertLessEqual(after.items(), self.get(kind.path(name)).said["spec"].items())
                edit("edit", kind, name, after, before)
                self.assertEqual(self.get(kind.path(name)).said["spec"], made["spec"])

    def test_i57_deleting_all_at_once_needs_the_verb(self):
        namespace = self.namespace("verb-collection", "collector")
        everything = ("--verb=deletecollection", "--resource=ecsinstanceprotections.ecs-keeper.io,eniretentions.ecs-keeper.io")
        self.kubectl("create", "role", "collector", f"--namespace={namespace}", *everything)
        self.kubectl("create", "rolebinding", "collector", f"--namespace={namespace}", "--role=collector", "--user=collector")
        for kind in KINDS:
            self.make(kind, "unprotecting", kind.permission, namespace=namespace)
            until("the role is in effect", lambda kind=kind: self.ask("collector", "DELETE", kind.path(namespace=namespace)) == "verb")
            self.assertEqual(self.get(kind.path("unprotecting", namespace)).code, 200)
            self.assertEqual(self.patch("collector", kind.path("unprotecting", namespace), {"spec": kind.keep}), "allowed")
            self.assertEqual(self.ask("collector", "DELETE", kind.path(namespace=namespace)), "allowed")
            self.assertEqual(self.get(kind.path("unprotecting", namespace)).code, 404)

    def test_i57_what_is_being_deleted_may_be_deleted_again_and_let_go(self):
        for kind in KINDS:
            self.make(kind, "going", kind.permission, finalizers=["ecs-keeper.io/deletion-policy"])
            self.assertEqual(self.ask("edit-unprotect", "DELETE", kind.path("going")), "allowed")
            self.assertEqual(self.ask("edit", "DELETE", kind.path("going")), "allowed")
            # It stays, and still may not come to mean other targets.
            self.assertEqual(self.patch("edit", kind.path("going"), {"spec": MORE}), "verb")
            self.assertEqual(self.patch("edit", kind.path("going"), {"spec": kind.keep}), "allowed")
            # Where an act stands beside the permission, docs/disaster.md's way out is the same.
            self.make(kind, "acting-and-going", {**kind.act, **kind.permission}, finalizers=["ecs-keeper.io/deletion-policy"])
            self.assertEqual(self.ask("edit-unprotect", "DELETE", kind.path("acting-and-going")), "allowed")
            self.assertEqual(self.patch("edit", kind.path("acting-and-going"), {"spec": kind.keep, "metadata": {"finalizers": None}}), "allowed")
            self.assertEqual(self.get(kind.path("acting-and-going")).code, 404)
            self.make(kind, "kept", finalizers=["example.com/mine"])
            self.assertEqual(self.ask("edit", "DELETE", kind.path("kept")), "allowed")
            self.assertEqual(self.patch("edit", kind.path("kept"), {"spec": kind.permission}), "verb")
            for name in ("going", "kept"):
                self.assertEqual(self.patch("edit", kind.path(name), {"metadata": {"finalizers": None}}), "allowed")
                self.assertEqual(self.get(kind.path(name)).code, 404)

    def test_i57_writing_a_status_changes_no_spec(self):
        resources = ",".join(f"{kind.plural}.ecs-keeper.io/status" for kind in KINDS)
        self.kubectl("create", "role", "status", f"--namespace={NAMESPACE}", "--verb=update,patch", f"--resource={resources}")
        self.kubectl("create", "rolebinding", "status", f"--namespace={NAMESPACE}", "--role=status", "--user=status")
        for kind in KINDS:
            made = self.make(kind, "status", kind.keep, labels={"a": "b"})
            smuggled = {**made, "spec": {**made["spec"], **kind.act, **kind.permission}, "status": {"observedGeneration": 1}}
            smuggled["metadata"] = {**made["metadata"], "labels": {"a": "c"}, "finalizers": ["example.com/mine"]}
            path = f"{kind.path('status')}/status"
            for user in USERS.keys() - {"gitops"}:
                self.assertEqual(self.ask(user, "PUT", path, smuggled), "role", user)
                self.assertEqual(self.patch(user, path, {"status": {"observedGeneration": 1}}), "role", user)
            until("the role is in effect", lambda: self.ask("status", "PUT", path, smuggled) == "allowed")
            self.assertEqual(self.patch("status", path, {"spec": {**kind.act, **kind.permission}, "status": {"observedGeneration": 2}}), "allowed")
            stored = self.get(kind.path("status")).said
            self.assertEqual((stored["spec"], stored["metadata"]["generation"], stored["status"]["observedGeneration"]), (made["spec"], 1, 2))
            self.assertEqual((stored["metadata"]["labels"], stored["metadata"].get("finalizers")), ({"a": "b"}, None))

    def test_i57_the_operator_does_not_hold_the_verb_and_does_its_work(self):
        for kind in KINDS:
            for name, spec in (("acting", kind.act), ("permitting", kind.permission)):
                path, made = kind.path(name), self.make(kind, name, spec)
                self.assertEqual(self.ask(OPERATOR, "DELETE", path), "role")
                self.assertEqual(self.patch(OPERATOR, path, {"spec": MORE}), "verb")
                added = [
                    {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
                    {"op": "add", "path": "/metadata/finalizers", "value": ["ecs-keeper.io/deletion-policy"]},
                ]
                self.assertEqual(self.ask(OPERATOR, "PATCH", path, added, "application/json-patch+json"), "allowed")
                self.assertEqual(self.patch(OPERATOR, f"{path}/status", {"status": {"observedGeneration": 1}}), "allowed")
                self.assertEqual(self.ask("gitops", "DELETE", path), "allowed")
                self.assertEqual(self.patch(OPERATOR, f"{path}/status", {"status": {"observedGeneration": 2}}), "allowed")
                removed = [{"op": "remove", "path": "/metadata/finalizers/0"}]
                self.assertEqual(self.ask(OPERATOR, "PATCH", path, removed, "application/json-patch+json"), "allowed")
                self.assertEqual(self.get(path).code, 404)

    def test_i57_the_largest_specs_can_be_judged(self):
        ids = [f"{number:0>62}" for number in range(1000)]
        tags = [{"key": f"key-{number:0>124}", "value": "v" * 128} for number in range(20)]
        largest = {
            "targets": {
                "instanceIds": [f"i-{number}" for number in ids],
                "instanceTags": tags,
                "nodes": {"matchLabels": {f"example.com/{'k' * 55}{number:0>3}": "v" * 63 for number in range(20)}},
                "exclude": {"instanceIds": [f"i-{number}" for number in ids[:500]], "instanceTags": tags},
            }
        }
        for kind in KINDS:
            targets = {**largest["targets"], "networkInterfaceIds": [f"eni-{number[-36:]}" for number in ids]} if kind is INTERFACES else largest["targets"]
            for name, spec in (("largest-act", kind.act), ("largest-permission", kind.permission)):
                self.make(kind, name, {"targets": targets}, spec)
                self.assertEqual(self.patch("edit", kind.path(name), {"metadata": {"labels": {"a": "b"}}}), "allowed")
                fewer = {"targets": {**targets, "instanceIds": targets["instanceIds"][:-1]}}
                self.assertEqual(self.patch("edit", kind.path(name), {"spec": fewer}), "verb")

    def test_i57_the_most_exceptions_can_be_judged(self):
        def entries(count, last="ö" * 256):
            reasons = ["ä" * 256] * (count - 1) + [last]
            return [{"instanceId": f"i-{number:0>62}", "until": "2026-12-01T18:00:00.000000000+08:00", "reason": reason} for number, reason in enumerate(reasons)]

        path = INSTANCES.path("most-exceptions")
        self.make(INSTANCES, "most-exceptions", excepting(*entries(100)))
        self.assertEqual(self.patch("edit", path, {"metadata": {"labels": {"a": "b"}}}), "allowed")
        self.assertEqual(self.patch("edit", path, {"spec": {"targets": MORE["targets"]}}), "allowed")
        for last, needs in (("ö" * 256, False), ("o" * 256, True)):
            turned = list(reversed(entries(100, last)))
            for user in USERS:
                self.assertEqual(self.patch(user, f"{path}?dryRun=All", {"spec": excepting(*turned)}), expected(user, needs))
        self.assertEqual(self.patch("edit", path, {"spec": excepting(*entries(99, "ä" * 256))}), "allowed")
        self.assertEqual(self.patch("edit", path, {"spec": excepting(*entries(100))}), "verb")


if __name__ == "__main__":
    unittest.main()
