"""The way from each release to this tree and back, with operators that sweep: nothing is written to the cloud, and nothing is forgotten (I32)."""

import copy
import unittest
from datetime import datetime, timezone

import acceptance
from charts import CHART, invented
from comparison import complaints
from installation import Installation, eventually
from recorded import Release, of_each_release
from stage import INSTANCES, INTERFACES, build

# What the story of the records protects, and somebody switches off in the end.
INSTANCE, INTERFACE = "i-plain1", "eni-gate1c"


class Upgrades(unittest.TestCase):
    release: Release
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.programs = build("dev")
        cls.old = cls.release.program()

    def setUp(self):
        now = datetime.now(timezone.utc)
        self.installation = Installation(self)
        self.installation.simulate(self.programs["ecs-simulator"], self.release.cloud(now))
        self.installation.install(self.release.chart, self.release.folder / "values.yaml")
        self.installation.make_nodes(self.release.folder / "nodes.yaml")
        self.installation.restore(self.release.objects(now))
        self.before = self.installation.state()
        self.running = None
        self.started = 0

    def start(self, program):
        """Starts a program, and ends the one that runs when the new one waits for its Lease: as the chart's Deployment has it."""
        self.started += 1
        key, operator = self.installation.start(str(self.started), program)
        if self.running:
            self.installation.until_ready(operator)
            # One that does not wait has had the time to ask by then.
            self.installation.until_swept(self.running[0])
            self.assertEqual(self.installation.requests(key), 0, "the new operator has asked the cloud beside the old one")
            self.installation.stop(self.running[1])
        self.running = key, operator

    def assert_unchanged(self, step):
        """Nothing has changed in cluster and cloud after two more sweeps of the operator that runs."""
        self.installation.until_swept(self.running[0])
        # What is written again at the beginning of a term is written by then; what is then still missing is lost.
        eventually(lambda: not complaints(self.before, self.installation.state()), patience=60)
        now = self.installation.state()
        self.assertEqual(complaints(self.before, now), [], step)
        self.assertEqual(acceptance.of(self.installation.cluster, list(now.objects.values())), [], step)

    def assert_repairs(self):
        """The operator that runs repairs what somebody switches off, and writes it once."""
        for kind, change, path in (
            (INSTANCES, {"deletionProtection": False}, f"/instances/{INSTANCE}"),
            (INTERFACES, {"deleteOnRelease": True}, f"/network-interfaces/{INTERFACE}"),
        ):
            key = self.running[0]
            before = self.installation.writes(key, kind)
            self.installation.account.ask("PATCH", path, change)
            self.installation.eventually(f"{path} is repaired", lambda: self.installation.writes(key, kind) > before)
            self.installation.until_swept(key)
            self.assertEqual(self.installation.writes(key, kind), before + 1)
            self.assertEqual(self.installation.state().cloud, self.before.cloud)

    def go_there_and_back(self, chart, meanwhile=lambda: None):
        self.start(self.old)
        self.assert_unchanged("The release itself, with what it has stored")
        self.installation.upgrade(chart)
        self.assert_unchanged("The old operator beside the new definitions")
        self.start(self.programs["ecs-keeper"])
        self.assert_unchanged("The new operator")
        self.installation.roll_back()
        self.assert_unchanged("The new operator beside the old definitions")
        meanwhile()
        self.start(self.old)
        self.assert_unchanged("The old operator again")
        self.assert_repairs()
        self.start(self.programs["ecs-keeper"])
        self.assert_repairs()

    def test_i32_to_this_tree_and_back(self):
        self.go_there_and_back(CHART)

    def test_i32_to_a_next_version_and_back(self):
        self.go_there_and_back(invented(self.installation.cluster), self.leave_what_the_next_version_wrote)

    def leave_what_the_next_version_wrote(self):
        """Stores a status as a version would have left it that knows more fields, values and reasons, past definitions that no longer do."""
        # The one that runs stands for the next version, and does not know them either.
        self.installation.stop(self.running[1])
        self.running = None
        found = self.installation.state().objects
        for name in ("EcsInstanceProtection ecs-keeper/closed", "EniRetention ecs-keeper/gateway"):
            stored = copy.deepcopy(found[name])
            status = stored["status"]
            status["invented"] = "by the next version"
            status.setdefault("acts", []).append({"act": "Invented", "generation": stored["metadata"]["generation"]})
            ready = next(each for each in status["conditions"] if each["type"] == "Ready")
            ready["reason"] = "Invented"
            self.installation.store(stored)


def load_tests(loader, *_):
    return of_each_release(loader, Upgrades)


if __name__ == "__main__":
    unittest.main()
