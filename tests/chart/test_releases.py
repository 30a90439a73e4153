"""A release from its installation to its end, on a real API server with objects on it. No operator runs here: what the program does about its objects is
tested with the program (tests/operator), and in `test_removal.py`.
"""

import json
import re
import shutil
import unittest

from chart import CHART, DEFINITIONS, RELEASE, Cluster, Failed, given

KINDS = {"EcsInstanceProtection": "ecsprot", "EniRetention": "eniret"}


class Releases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls)
        cls.cluster.keep_kinds_read(cls)
        cls.kubectl = cls.cluster.kubectl

    def setUp(self):
        # A namespace takes seconds to go, so each test has its own. The definitions, which there can be only one set of, go with their objects.
        self.namespace = f"keeper-{self.id().rsplit('.', 1)[1].replace('_', '-')}"[:60].rstrip("-")
        self.addCleanup(self.kubectl, "delete", "crd", *DEFINITIONS, "--ignore-not-found", "--timeout=60s")
        self.addCleanup(self.helm, "uninstall", RELEASE, "--ignore-not-found")

    def helm(self, verb, *arguments):
        return self.cluster.helm(verb, *arguments, f"--namespace={self.namespace}")

    def install(self, values=None, *flags, chart=CHART):
        self.helm("install", RELEASE, chart, "--create-namespace", *given(values or {}), *flags)
        self.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in DEFINITIONS), "--timeout=30s")

    def make_objects(self):
        """One of each kind; their uids."""
        for kind in KINDS:
            targets = {"instanceIds": ["i-bp1example"]}
            spec = {"region": "cn-hangzhou", "targets": targets}
            named = {"name": "kept", "namespace": self.namespace}
            self.kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "ecs-keeper.io/v1alpha1", "kind": kind, "metadata": named, "spec": spec}))
        return self.uids()

    def uids(self):
        return {name: self.cluster.get(name, "kept", f"--namespace={self.namespace}")["metadata"]["uid"] for name in KINDS.values()}

    def configuration(self):
        return self.cluster.get("configmap", RELEASE, f"--namespace={self.namespace}")["data"]["config.yaml"]

    def owned(self):
        """What of the release is there, without the definitions."""
        kinds = "deployments,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,poddisruptionbudgets,networkpolicies"
        kinds += ",validatingadmissionpolicies,validatingadmissionpolicybindings"
        return self.cluster.names(kinds, "--all-namespaces", "--selector=app.kubernetes.io/instance=ecs-keeper")

    def definitions(self):
        return {name.split("/")[1] for name in self.cluster.names("crd")} & set(DEFINITIONS)

    def test_objects_outlive_upgrade_rollback_uninstall_and_a_new_installation(self):
        self.install()
        uids = self.make_objects()
        self.helm("upgrade", RELEASE, CHART, *given({"config.sweepInterval": "5m", "networkPolicy.enabled": True, "userRoles.create": False}))
        self.assertIn("sweepInterval: 5m\n", self.configuration())
        self.assertIn("networkpolicy.networking.k8s.io/ecs-keeper", self.owned())
        self.assertNotIn("clusterrole.rbac.authorization.k8s.io/ecs-keeper-view", self.owned())
        self.assertEqual(self.uids(), uids)

        self.helm("rollback", RELEASE, "1")
        self.assertIn("sweepInterval: 10s\n", self.configuration())
        self.assertNotIn("networkpolicy.networking.k8s.io/ecs-keeper", self.owned())
        self.assertIn("clusterrole.rbac.authorization.k8s.io/ecs-keeper-view", self.owned())
        self.assertEqual(self.uids(), uids)

        self.helm("uninstall", RELEASE)
        self.assertEqual(self.owned(), set())
        self.assertEqual(self.definitions(), set(DEFINITIONS))
        self.assertEqual(self.uids(), uids)

        self.install()
        self.assertEqual(self.uids(), uids)

    def test_an_upgrade_upgrades_the_definitions_and_a_rollback_takes_them_back(self):
        older = self.cluster.folder / "older"
        shutil.copytree(CHART, older)
        self.addCleanup(shutil.rmtree, older)
        for path in (older / "files" / "crds").iterdir():
            text = path.read_text()
            path.write_text(re.sub(r"    - ecs-keeper\n", "    - older\n", text, count=1))
            self.assertNotEqual(path.read_text(), text)

        def categories():
            return [each["spec"]["names"]["categories"] for each in self.cluster.get("crd", *DEFINITIONS)["items"]]

        self.install(chart=older)
        uids = self.make_objects()
        self.assertEqual(categories(), [["older"], ["older"]])
        self.helm("upgrade", RELEASE, CHART)
        self.assertEqual(categories(), [["ecs-keeper"], ["ecs-keeper"]])
        self.helm("rollback", RELEASE, "1")
        self.assertEqual(categories(), [["older"], ["older"]])
        self.assertEqual(self.uids(), uids)

    def test_definitions_that_are_no_longer_to_be_installed_stay(self):
        self.install()
        uids = self.make_objects()
        self.helm("upgrade", RELEASE, CHART, *given({"crds.install": False}))
        self.assertEqual(self.definitions(), set(DEFINITIONS))
        self.assertEqual(self.uids(), uids)

    def test_definitions_that_somebody_else_installed_are_taken_over_if_asked_for(self):
        self.kubectl("apply", "--server-side", "--filename", CHART / "files" / "crds")
        with self.assertRaisesRegex(Failed, "cannot be imported into the current release"):
            self.install()
        self.install({}, "--take-ownership")
        self.helm("uninstall", RELEASE)
        self.assertEqual(self.definitions(), set(DEFINITIONS))

    def test_i10_definitions_that_go_with_the_release_take_the_objects_along_and_nothing_hangs(self):
        self.install({"crds.keep": False})
        self.make_objects()
        self.helm("uninstall", RELEASE, "--wait", "--timeout=60s")
        self.assertEqual((self.definitions(), self.owned()), (set(), set()))

    def test_i10_the_namespace_goes_with_operator_and_objects_and_nothing_hangs(self):
        self.install()
        self.make_objects()
        self.kubectl("delete", "namespace", self.namespace, "--timeout=60s")
        self.assertEqual(self.definitions(), set(DEFINITIONS))
        # What is left lies outside of the namespace, and the next installation of the same name takes it over.
        self.install()

    def test_i10_the_definitions_go_while_the_release_stays_and_nothing_hangs(self):
        self.install()
        self.make_objects()
        self.kubectl("delete", "crd", *DEFINITIONS, "--timeout=60s")
        self.helm("upgrade", RELEASE, CHART)
        self.assertEqual(self.definitions(), set(DEFINITIONS))

    def test_the_operators_account_may_do_what_it_needs_and_people_may_not_write_its_word(self):
        self.install({"serviceAccount.name": "keeper"})
        self.kubectl("create", "rolebinding", "team", f"--namespace={self.namespace}", "--clusterrole=ecs-keeper-edit", "--user=ada")

        def may(user, verb, resource, namespace=self.namespace):
            resource, _, subresource = resource.partition("/")
            try:
                asked = ("can-i", verb, resource, f"--subresource={subresource}", f"--namespace={namespace}", f"--as={user}")
                return self.kubectl("auth", *asked).strip() == "yes"
            except Failed:
                return False

        operator = f"system:serviceaccount:{self.namespace}:keeper"
        for user, verb, resource, expected in (
            (operator, "patch", "ecsinstanceprotections.ecs-keeper.io/status", True),
            (operator, "patch", "eniretentions.ecs-keeper.io", True),
            (operator, "watch", "nodes", True),
            (operator, "create", "events.events.k8s.io", True),
            (operator, "delete", "ecsinstanceprotections.ecs-keeper.io", False),
            (operator, "get", "secrets", False),
            ("ada", "create", "eniretentions.ecs-keeper.io", True),
            ("ada", "delete", "ecsinstanceprotections.ecs-keeper.io", True),
            ("ada", "patch", "ecsinstanceprotections.ecs-keeper.io/status", False),
            ("ada", "update", "eniretentions.ecs-keeper.io/finalizers", False),
        ):
            with self.subTest(user=user, verb=verb, resource=resource):
                self.assertEqual(may(user, verb, resource), expected)
        self.assertTrue(may(operator, "list", "eniretentions.ecs-keeper.io", "default"))
        self.assertFalse(may("ada", "list", "eniretentions.ecs-keeper.io", "default"))


if __name__ == "__main__":
    unittest.main()
