"""New definitions with the objects of each release, without an operator: what docs/api-changes.md allows passes, and what it forbids is found."""

import unittest
from datetime import datetime, timezone

import acceptance
from charts import Definition, changed, invented
from comparison import State, by_name, complaints
from installation import Installation, eventually
from recorded import Release, of_each_release
from chart import Failed

# Seconds within which definitions are in effect.
PATIENCE = 120


def a_new_default(protection: Definition, retention: Definition) -> None:
    protection.spec["properties"]["tier"] = {"type": "string", "default": "gold"}


def a_removed_field(protection: Definition, retention: Definition) -> None:
    del protection.spec["properties"]["deletionPolicy"]


def a_removed_field_of_status(protection: Definition, retention: Definition) -> None:
    del retention.status["properties"]["retainedEniIds"]


def a_removed_field_of_a_row(protection: Definition, retention: Definition) -> None:
    del protection.at("status.exceptions[]")["properties"]["carriedOut"]


def a_required_field(protection: Definition, retention: Definition) -> None:
    retention.spec["properties"]["owner"] = {"type": "string"}
    retention.spec["required"].append("owner")


def a_narrower_pattern(protection: Definition, retention: Definition) -> None:
    protection.at("spec.targets.instanceIds[]")["pattern"] = "^i-[0-9]+$"


def a_narrower_limit(protection: Definition, retention: Definition) -> None:
    protection.at("spec.exceptions")["maxItems"] = 2


def a_new_rule(protection: Definition, retention: Definition) -> None:
    rule = {"rule": "self.deletionPolicy == 'Keep'", "message": "nothing may be released"}
    retention.spec.setdefault("x-kubernetes-validations", []).append(rule)


def a_removed_value(protection: Definition, retention: Definition) -> None:
    protection.at("spec.mode")["enum"].remove("Observe")


def a_removed_value_of_status(protection: Definition, retention: Definition) -> None:
    retention.at("status.reattachments[].phase")["enum"].remove("Refused")


def a_shorter_list_of_status(protection: Definition, retention: Definition) -> None:
    retention.at("status.retainedEniIds")["maxItems"] = 2


# What is said of each of them.
BREAKS = {
    a_new_default: 'EcsInstanceProtection ecs-keeper/plain: spec.tier is new: "gold".',
    a_removed_field: 'EcsInstanceProtection ecs-keeper/retiring: spec.deletionPolicy was "Disable", and is gone.',
    a_removed_field_of_status: 'EniRetention ecs-keeper/gateway: status.retainedEniIds was ["eni-',
    a_removed_field_of_a_row: 'EcsInstanceProtection ecs-keeper/depot: status.exceptions no longer has {"carriedOut": true',
    a_required_field: "spec.owner: Required value",
    a_narrower_pattern: "spec.targets.instanceIds[0]: Invalid value",
    a_narrower_limit: "spec.exceptions: Too many: 3",
    a_new_rule: "nothing may be released",
    a_removed_value: 'spec.mode: Unsupported value: "Observe"',
    a_removed_value_of_status: 'status.reattachments[1].phase: Unsupported value: "Refused"',
    a_shorter_list_of_status: "status.retainedEniIds: Too many: 3",
}


class Definitions(unittest.TestCase):
    release: Release
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.installation = Installation(cls)
        cls.cluster = cls.installation.cluster
        cls.installation.install(cls.release.chart, cls.release.folder / "values.yaml")
        cls.stored = cls.installation.restore(cls.release.objects(datetime.now(timezone.utc)))
        acceptance.make_copies(cls.cluster, list(cls.stored.values()))

    def complaints(self):
        """What is not with the definitions that are installed now as it was with those of the release."""
        try:
            found = by_name(self.installation.objects())
        except Failed as refusal:
            return [str(refusal)]
        shown = {name: found[name] for name in self.stored if name in found}
        objects = list(shown.values())
        of_api_server = [*acceptance.of(self.cluster, objects), *acceptance.of_status(self.cluster, objects)]
        return [*complaints(State(self.stored, {}, []), State(shown, {}, [])), *of_api_server]

    def until_said(self, enough):
        """The complaints as soon as they are as wanted, or the last ones. Definitions are in effect a moment after they are written."""
        said = []

        def are_enough():
            said[:] = self.complaints()
            return enough(said)

        eventually(are_enough, patience=PATIENCE)
        return said

    def assert_taken(self):
        self.assertEqual(self.until_said(lambda said: not said), [])

    def column(self):
        """Whether the definitions with a column of their own are in effect."""
        return "INVENTED" in self.cluster.kubectl("get", "ecsprot", "--all-namespaces")

    def test_the_releases_own_take_what_it_stored(self):
        self.assertGreater(len(self.stored), 20)
        self.installation.upgrade(self.release.chart)
        self.assert_taken()

    def test_those_of_this_tree_take_it(self):
        def mark(*definitions):
            for definition in definitions:
                definition.version["additionalPrinterColumns"].append({"name": "Invented", "type": "string", "jsonPath": ".status.invented"})

        self.assert_taken_by(changed(self.cluster, "marked", mark))

    def test_those_of_a_next_version_that_keeps_to_the_rules_take_it(self):
        self.assert_taken_by(invented(self.cluster))

    def assert_taken_by(self, chart):
        """For a chart with a column of its own, so that it is known when its definitions are in effect. Afterwards the release's are again."""
        self.installation.upgrade(chart)
        self.assertTrue(eventually(self.column, patience=PATIENCE))
        self.assertEqual(self.complaints(), [])
        self.installation.upgrade(self.release.chart)
        self.assertTrue(eventually(lambda: not self.column(), patience=PATIENCE))
        self.assertEqual(self.complaints(), [])

    def test_every_break_is_found(self):
        for plant, sentence in BREAKS.items():
            with self.subTest(plant.__name__):
                self.installation.upgrade(changed(self.cluster, plant.__name__, plant))
                is_found = lambda said: any(sentence in each for each in said)  # noqa: E731
                said = self.until_said(is_found)
                self.assertTrue(is_found(said), "\n".join(said))
        self.installation.upgrade(self.release.chart)
        self.assert_taken()

    def test_definitions_without_the_version_that_is_stored_are_refused(self):
        def plant(*definitions):
            for definition in definitions:
                definition.version["name"] = "v1beta1"

        with self.assertRaisesRegex(Failed, r"status\.storedVersions\[0\]: Invalid value: \"v1alpha1\": missing from spec\.versions"):
            self.installation.upgrade(changed(self.cluster, "another-version", plant))
        self.assert_taken()


def load_tests(loader, *_):
    return of_each_release(loader, Definitions)


if __name__ == "__main__":
    unittest.main()
