"""What the chart's policies (I57) make of labels and of Kubernetes' own controllers, and what the API server makes of the policies."""

import itertools
import json
import re
import unittest
from urllib.parse import quote

from chart import CHART, Cluster
from people import until
from unprotect_cases import moves
from verb import EXCEPTION, INSTANCES, KINDS, LIFTING, USERS, Verb, excepting, expected, rendered


class Controllers(Verb):
    """What Kubernetes does by itself, after somebody who lacks the verb has set it on."""

    def deletions(self, username, namespace):
        """How somebody's requests to delete objects of the two kinds in a namespace were answered: verb, resource and code."""
        records = (json.loads(line) for line in self.cluster.plane.audit_log.read_text().splitlines() if username in line and line.endswith("}"))
        mine = [record for record in records if record["user"]["username"] == username and record["verb"].startswith("delete")]
        answers = [(record["objectRef"], record["verb"], record["responseStatus"]["code"]) for record in mine]
        plurals = [kind.plural for kind in KINDS]
        return {(verb, about["resource"], code) for about, verb, code in answers if about.get("namespace") == namespace and about["resource"] in plurals}

    def test_i57_the_garbage_collector_deletes_nothing_that_unprotects_thereby(self):
        collector = "system:serviceaccount:kube-system:generic-garbage-collector"
        namespace = self.namespace("verb-garbage")
        for kind in KINDS:
            owner, name = f"owner-of-{kind.plural}", f"owned-{kind.plural}"
            self.make(kind, name, kind.permission, namespace=namespace)
            self.kubectl("create", "configmap", owner, f"--namespace={namespace}", "--as=edit")
            uid = self.cluster.get("configmap", owner, f"--namespace={namespace}")["metadata"]["uid"]
            reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid}
            self.assertEqual(self.patch("edit", kind.path(name, namespace), {"metadata": {"ownerReferences": [reference]}}), "allowed")
            self.kubectl("delete", "configmap", owner, f"--namespace={namespace}", "--as=edit")
            refused = ("delete", kind.plural, 403)
            until("the garbage collector has tried", lambda refused=refused: refused in self.deletions(collector, namespace))
            self.assertNotIn(("delete", kind.plural, 200), self.deletions(collector, namespace))
            self.assertNotIn("deletionTimestamp", self.get(kind.path(name, namespace)).said["metadata"])
            # Once its deletion unprotects nothing, it may go.
            self.assertEqual(self.patch("edit", kind.path(name, namespace), {"spec": kind.keep}), "allowed")
            until("it is collected", lambda kind=kind, name=name: self.get(kind.path(name, namespace)).code == 404)

    def test_i57_a_namespace_goes_with_what_unprotects_and_never_hangs(self):
        emptier = "system:serviceaccount:kube-system:namespace-controller"
        namespace = self.cluster.namespace("verb-going")
        for kind in KINDS:
            self.make(kind, "unprotecting", kind.act, kind.permission, namespace=namespace)
        self.kubectl("delete", "namespace", namespace, "--timeout=60s")
        self.assertEqual(self.deletions(emptier, namespace), {("deletecollection", kind.plural, 200) for kind in KINDS})


class Labels(Verb):
    """An operator that serves only objects with certain labels (config.objectSelector)."""

    values = {"config.objectSelector": "shard=a"}

    def test_i57_labels_bring_an_object_into_service_or_out_of_it_with_the_verb_alone(self):
        for number, move in enumerate(moves()):
            name, kind = f"move-{number}", move.kind
            stored = self.make(kind, name, move.spec, labels=move.before)
            path = f"{kind.path(name)}?dryRun=All"
            change = {**dict.fromkeys(move.before), **move.after}
            replaced = {**stored, "metadata": {**stored["metadata"], "labels": move.after}}
            for user in USERS:
                with self.subTest(kind=kind.kind, change=move.what, user=user):
                    self.assertEqual(self.patch(user, path, {"metadata": {"labels": change}}), expected(user, move.needs))
                    self.assertEqual(self.ask(user, "PUT", path, replaced), expected(user, move.needs))

    def test_i57_outside_of_the_selection_asking_needs_the_verb_as_well(self):
        # Otherwise it could be prepared there until the selection changes.
        for kind in KINDS:
            for spec in (kind.act, kind.permission, *([excepting(EXCEPTION), LIFTING] if kind is INSTANCES else [])):
                self.assertEqual(self.ask("edit", "POST", f"{kind.path()}?dryRun=All", kind.object("outside", spec, labels={"shard": "b"})), "verb")


class Selectors(Verb):
    """Each selector's own policies beside each other, on labels of all sorts."""

    # In every way in which a selector can be written.
    SELECTORS = (
        "shard=a",
        "shard == a",
        "shard!=a",
        "shard in (a, b)",
        "shard notin(a,b)",
        "shard",
        "!shard",
        "shard=",
        "shard in (a,)",
        "example.com/tier notin (x),shard",
        "shard in (a,b) , !example.com/tier",
        "example.com/tier=x,shard!=b",
    )
    LABELS = (
        {},
        {"shard": "a"},
        {"shard": "b"},
        {"shard": ""},
        {"shard": "a", "example.com/tier": "x"},
        {"shard": "c", "example.com/tier": "y"},
        {"example.com/tier": "x"},
    )

    def test_i57_a_policy_reads_a_selector_as_the_api_server_does(self):
        namespaces = [self.namespace(f"selector-{number}") for number in range(len(self.SELECTORS))]
        for namespace, selector in zip(namespaces, self.SELECTORS):
            self.install_for(namespace, selector)
        asking, holding = (lambda kind: kind.object("asking", kind.act)), (lambda kind: kind.object("holding"))
        for namespace, selector in zip(namespaces, self.SELECTORS):
            for kind, (number, labels) in itertools.product(KINDS, enumerate(self.LABELS)):
                for body in (asking(kind), holding(kind)):
                    body["metadata"].update(name=f"{body['metadata']['name']}-{number}", labels=labels)
                    self.people.make(kind.path(namespace=namespace), body)
            with self.subTest(selector):
                self.compare(namespace, selector)

    def compare(self, namespace, selector):
        """Each change from one set of labels to another, with what the API server itself selects."""
        for kind in KINDS:
            listed = self.get(f"{kind.path(namespace=namespace)}?labelSelector={quote(selector)}").said["items"]
            served = [f"holding-{number}" in {each["metadata"]["name"] for each in listed} for number in range(len(self.LABELS))]
            self.assertEqual(set(served), {True, False}, "the labels tell too little about this selector")

            def answer(which, before, after, kind=kind):
                path = f"{kind.path(f'{which}-{before}', namespace)}?dryRun=All"
                change = [{"op": "add", "path": "/metadata/labels", "value": self.LABELS[after]}]
                return self.ask("edit", "PATCH", path, change, "application/json-patch+json")

            one, another = served.index(True), served.index(False)
            until("the policy is in effect", lambda: answer("holding", one, another) == "verb")
            for before, after in itertools.product(range(len(self.LABELS)), repeat=2):
                comes, goes = served[after] and not served[before], served[before] and not served[after]
                self.assertEqual(answer("asking", before, after), "verb" if comes else "allowed", (self.LABELS[before], self.LABELS[after]))
                self.assertEqual(answer("holding", before, after), "verb" if goes else "allowed", (self.LABELS[before], self.LABELS[after]))

    def install_for(self, namespace, selector):
        """The policies for a selector, in effect in one namespace only, so that many of them can stand beside each other."""
        values = {"config.objectSelector": selector, "fullnameOverride": namespace}
        for each in rendered(self.cluster, values):
            if each["kind"] == "ValidatingAdmissionPolicyBinding":
                labels = {"kubernetes.io/metadata.name": namespace}
                each["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": labels}}
            self.kubectl("create", "--filename=-", stdin=json.dumps(each))


class Types(unittest.TestCase):
    """The policies are checked against the definitions of the two kinds, by the controller that does this in every cluster."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls)
        cls.cluster.kubectl("apply", "--server-side", "--filename", CHART / "files" / "crds")
        cls.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        cls.numbers = itertools.count()

    def policies(self, values):
        return [each for each in rendered(self.cluster, values) if each["kind"] == "ValidatingAdmissionPolicy"]

    def warnings(self, policy, spoiled=lambda text: text):
        """What the type check says of a policy, under a name of its own and without a binding, so that it judges nothing."""
        policy = json.loads(spoiled(json.dumps(policy)))
        name = policy["metadata"]["name"] = f"checked-{next(self.numbers)}"
        self.cluster.kubectl("create", "--filename=-", stdin=json.dumps(policy))
        status = {}

        def checked():
            status.update(self.cluster.get("validatingadmissionpolicy", name).get("status", {}))
            return status.get("observedGeneration") == 1

        until("the policy is checked", checked)
        return [each["warning"] for each in status.get("typeChecking", {}).get("expressionWarnings", [])]

    def test_rendered_policies_have_no_mistake_in_their_types_and_a_planted_one_is_reported(self):
        for values in ({}, {"config.objectSelector": "shard in (a,b),!old"}):
            for policy in self.policies(values):
                fields = ["deletionPolicy", "targets", "mode", "spec"]
                fields += ["protection", "exceptions", "nodeRemoval"] if "ecsinstance" in policy["metadata"]["name"] else ["retention", "interfaceTypes"]
                for field in fields:
                    wrong = f"{field}Typo"
                    # The controller learns of a new kind within half a minute, and takes a policy about an unknown one for right.
                    until(f"{wrong} is reported", lambda: f"undefined field '{wrong}'" in str(self.warnings(policy, lambda text: re.sub(rf"\.{field}\b", f".{wrong}", text))))
                self.assertEqual(self.warnings(policy), [], policy["metadata"]["name"])


if __name__ == "__main__":
    unittest.main()
