"""Whether Argo CD finds a difference between what was synced and what the cluster has made of it, while the operator is at work."""

import copy
import unittest
from pathlib import Path

from synced import Synced

PLANTED = Path(__file__).with_name("planted.yaml")

# Values of the chart that add objects, or lists and numbers in forms of their own.
EVERYTHING = [
    "--set=replicas=3",
    "--set=rrsa.enabled=true,rrsa.roleName=keeper",
    "--set=config.karpenter.enabled=true",
    "--set=networkPolicy.enabled=true",
    "--set=userRoles.aggregate.toView=true,userRoles.aggregate.toEdit=true,userRoles.aggregate.toAdmin=true",
    "--set=metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true",
    # 1 and 1000m are the same, and the API server writes it in its own way.
    '--set-json=resources={"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.05, "memory": "64Mi"}}',
    '--set-json=extraEnv=[{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]',
]


class Sync:
    """The tests, for each way to apply."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Synced(cls, cls.server_side)
        cls.objects = cls.cluster.examples()
        cls.cluster.sync(cls.objects)
        cls.cluster.until_worked_on(cls.objects)

    def differences(self, objects):
        """The objects that Argo CD finds different, in the ways in which it compares what was applied so."""
        found = self.cluster.differences(objects)
        return {what: seen for what, ways in found.items() if (seen := {way: patch for way, patch in ways.items() if way in self.ways})}

    def sample(self, kind, name):
        """A sample, for a test to change. Afterwards the cluster has it again as it was."""
        (found,) = (each for each in self.objects if each["kind"] == kind and each["metadata"]["name"].startswith(f"{name}-"))
        self.addCleanup(self.cluster.sync, [found])
        return copy.deepcopy(found)

    def test_the_definitions_show_no_difference(self):
        self.assertEqual(len(self.cluster.definitions), 2)
        self.assertEqual(self.differences(self.cluster.definitions), {})

    def test_the_chart_shows_no_difference(self):
        self.assertGreater(len(self.cluster.chart), 10)
        self.assertEqual(self.differences(self.cluster.chart), {})
        everything = self.cluster.rendered(*EVERYTHING)
        self.assertGreater(len(everything), len(self.cluster.chart))
        self.addCleanup(self.cluster.sync, self.cluster.chart)
        self.cluster.sync(everything)
        self.assertEqual(self.differences(everything), {})
        print(f"\n{len(self.cluster.chart)} and {len(everything)} objects of the chart", end="")

    def test_our_objects_show_no_difference(self):
        self.assertGreater(len(self.objects), 20)
        self.assertEqual(self.differences(self.objects), {})
        print(f"\n{len(self.objects)} of our objects", end="")

    def test_the_samples_have_every_field_and_every_list_has_entries(self):
        for definition in self.cluster.definitions:
            kind = definition["spec"]["names"]["kind"]
            schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
            have = set()
            for each in self.objects:
                if each["kind"] == kind:
                    have |= filled(each["spec"])
            self.assertEqual(declared(schema) - have, set(), kind)

    def test_a_list_in_another_order_is_in_sync_after_a_sync(self):
        for kind in ("EcsInstanceProtection", "EniRetention"):
            turned = self.sample(kind, "everything")
            turned["spec"] = reversed_lists(turned["spec"])
            self.cluster.sync([turned])
            self.assertEqual(self.differences([turned]), {})

    def test_a_field_that_leaves_git_leaves_the_cluster(self):
        for kind in ("EcsInstanceProtection", "EniRetention"):
            less = self.sample(kind, "everything")
            del less["spec"]["targets"]["exclude"], less["spec"]["deletionPolicy"]
            self.assertNotEqual(self.differences([less]), {})
            self.cluster.sync([less])
            self.assertEqual(self.differences([less]), {})
            spec = self.cluster.live(less)["spec"]
            self.assertEqual((spec["targets"].get("exclude"), spec["deletionPolicy"]), (None, "Keep"))

    def test_what_is_changed_in_git_is_found(self):
        for kind in ("EcsInstanceProtection", "EniRetention"):
            edited = self.sample(kind, "nothing")
            edited["spec"]["mode"] = "Observe"
            self.assert_found(edited, {"spec": {"mode": "Observe"}})

    def test_what_somebody_changes_in_the_cluster_is_found(self):
        git = self.sample("EcsInstanceProtection", "defaults")
        self.cluster.patch(git, {"spec": {"mode": "Observe"}})
        self.assert_found(git, {"spec": {"mode": "Enforce"}})
        self.cluster.sync([git])
        self.assertEqual(self.differences([git]), {})

    def test_what_somebody_adds_in_the_cluster_is_left_alone(self):
        git = self.sample("EcsInstanceProtection", "nothing")
        exception = {"instanceId": "i-web1", "until": "2030-01-01T00:00:00Z", "reason": "is replaced"}
        self.cluster.patch(git, {"spec": {"exceptions": [exception]}})
        self.assertEqual(self.differences([git]), {})
        self.cluster.sync([git])
        self.assertEqual(self.cluster.live(git)["spec"]["exceptions"], [exception])
        self.cluster.patch(git, {"spec": {"exceptions": None}})

    def test_a_default_in_the_items_of_a_list_is_found(self):
        (definition,) = self.cluster.parsed(PLANTED.read_text())
        self.cluster.sync([definition])
        self.cluster.kubectl("wait", "--for=condition=Established", f"crd/{definition['metadata']['name']}", "--timeout=30s")
        planted = {"apiVersion": "example.com/v1", "kind": "Planted", "metadata": {"name": "planted", "namespace": "default"}, "spec": {"items": [{"key": "a"}]}}
        self.cluster.sync([planted])
        # The other ways know of defaults: by what was applied last, and from the API server.
        self.assertEqual(self.cluster.differences([planted]), {"Planted planted": {"structured merge": {"spec": {"items": [{"key": "a"}]}}}})

    def assert_found(self, edited, patch):
        found = self.differences([edited])
        self.assertEqual(found, {f"{edited['kind']} {edited['metadata']['name']}": dict.fromkeys(self.ways, patch)})


class ClientSide(Sync, unittest.TestCase):
    """By default, Argo CD applies as kubectl does, and compares with what was applied last."""

    server_side = False
    ways = ("three-way", "server-side")


class ServerSide(Sync, unittest.TestCase):
    """With `ServerSideApply=true`, it has the API server merge."""

    server_side = True
    ways = ("structured merge", "server-side")


def declared(schema, path=""):
    """The paths of all fields of a schema."""
    found = set()
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", field)
        found |= {f"{path}.{name}"} | declared(inner, f"{path}.{name}")
    return found


def filled(value, path=""):
    """The paths of all fields of a value that are not empty."""
    if isinstance(value, list):
        return set().union(*(filled(each, path) for each in value))
    if not isinstance(value, dict):
        return set()
    return {f"{path}.{name}" for name, each in value.items() if each not in ([], {})} | set().union(*(filled(each, f"{path}.{name}") for name, each in value.items()))


def reversed_lists(value):
    """The value with all its lists the other way round."""
    if isinstance(value, list):
        return [reversed_lists(each) for each in reversed(value)]
    return {name: reversed_lists(each) for name, each in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    unittest.main()
