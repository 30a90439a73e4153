"""The records, and the comparison: each thing that an upgrade must not do is found, and said."""

import copy
import unittest
from datetime import datetime, timedelta, timezone

from comparison import State, complaints
from recorded import Failed, Release, program, releases

BEFORE = State(
    objects={
        "EniRetention ecs-keeper/kept": {
            "metadata": {"name": "kept", "generation": 2, "finalizers": ["ecs-keeper.io/deletion-policy"], "resourceVersion": "7"},
            "spec": {"region": "cn-hangzhou", "mode": "Observe"},
            "status": {
                "conditions": [{"type": "Ready", "status": "True", "reason": "Satisfied", "message": "Words.", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "retainedEniIds": ["eni-a", "eni-b"],
                "acts": [{"act": "Release", "generation": 2}],
            },
        }
    },
    cloud={"i-a": {"deletionProtection": True}},
    writes=["ModifyInstanceAttribute 1"],
)


class Comparison(unittest.TestCase):
    def setUp(self):
        self.after = copy.deepcopy(BEFORE)
        self.object = self.after.objects["EniRetention ecs-keeper/kept"]

    def said(self):
        return complaints(BEFORE, self.after)

    def assert_found(self, *sentences):
        self.assertEqual(self.said(), [f"EniRetention ecs-keeper/kept: {sentence}" for sentence in sentences])

    def test_what_is_the_same_is_no_difference(self):
        self.assertEqual(self.said(), [])

    def test_other_words_and_more_in_status_are_no_difference(self):
        status = self.object["status"]
        status["conditions"][0]["message"] = "Other words."
        status["conditions"][0]["new"] = 1
        status["conditions"].insert(0, {"type": "New"})
        status["retainedEniIds"].insert(0, "eni-new")
        status["new"] = "value"
        self.object["metadata"]["resourceVersion"] = "8"
        self.assertEqual(self.said(), [])

    def test_a_write_is_found(self):
        self.after.writes.append("ModifyInstanceAttribute 2")
        self.assertEqual(self.said(), ["A write to the cloud: ModifyInstanceAttribute 2"])

    def test_a_flag_that_is_off_is_found(self):
        self.after.cloud["i-a"]["deletionProtection"] = False
        (sentence,) = self.said()
        self.assertEqual(sentence, 'In the cloud, i-a was {"deletionProtection": true}, and is {"deletionProtection": false}.')

    def test_an_object_that_is_gone_is_found(self):
        self.after.objects.clear()
        self.assertEqual(self.said(), ["EniRetention ecs-keeper/kept is gone."])

    def test_another_spec_is_found_with_or_without_a_new_generation(self):
        self.object["spec"] = {"region": "cn-beijing", "tier": "gold"}
        self.object["metadata"]["generation"] = 3
        self.assert_found(
            "metadata.generation was 2, and is 3.",
            'spec.mode was "Observe", and is gone.',
            'spec.region was "cn-hangzhou", and is "cn-beijing".',
            'spec.tier is new: "gold".',
        )

    def test_another_finalizer_is_found(self):
        self.object["metadata"]["finalizers"].append("ecs-keeper.io/renamed")
        finalizers = '["ecs-keeper.io/deletion-policy"]', '["ecs-keeper.io/deletion-policy", "ecs-keeper.io/renamed"]'
        self.assert_found("metadata.finalizers was {}, and is {}.".format(*finalizers))

    def test_a_forgotten_interface_is_found(self):
        self.object["status"]["retainedEniIds"].remove("eni-a")
        self.assert_found('status.retainedEniIds no longer has "eni-a".')

    def test_an_act_of_another_generation_is_found(self):
        self.object["status"]["acts"][0]["generation"] = 3
        self.assert_found('status.acts no longer has {"act": "Release", "generation": 2}.')

    def test_a_transition_is_found_although_the_condition_says_the_same(self):
        self.object["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-02T00:00:00Z"
        (sentence,) = self.said()
        self.assertIn('status.conditions no longer has {"type": "Ready", "status": "True"', sentence)

    def test_an_object_that_can_no_longer_be_read_is_found(self):
        self.object["status"]["conditions"][0].update(status="False", reason="Undecodable")
        (sentence,) = self.said()
        self.assertIn('status.conditions no longer has {"type": "Ready", "status": "True"', sentence)

    def test_a_removed_field_of_status_is_found(self):
        del self.object["status"]["acts"]
        self.assert_found('status.acts was [{"act": "Release", "generation": 2}], and is gone.')


class Records(unittest.TestCase):
    def test_there_is_one(self):
        self.assertTrue(releases())

    def test_nobody_has_edited_one(self):
        for release in releases():
            with self.subTest(release.version):
                self.assertEqual(release.edits(), [], "Only tests/upgrade/record.py writes these files: run it, or take the change back.")

    def test_times_are_moved_by_the_age_of_the_record(self):
        for release in releases():
            with self.subTest(release.version):
                recorded = release.cloud(datetime.now(timezone.utc))
                later = release.cloud(datetime.now(timezone.utc) + timedelta(days=400))
                times = [datetime.fromisoformat(account["instances"][0]["creationTime"].rstrip("Z")[:19]) for account in (recorded, later)]
                self.assertEqual(times[1] - times[0], timedelta(days=400))

    def test_a_commit_that_is_not_there_is_said_to_be_missing(self):
        with self.assertRaisesRegex(Failed, "This repository lacks the commit 0{40}, of which 9.9.9 was made"):
            program("9.9.9", "0" * 40)


if __name__ == "__main__":
    unittest.main()
