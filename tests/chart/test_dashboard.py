"""The chart's Grafana dashboard: well-formed, about metrics that there are, and the one that its table gives. What its queries find is for tests/prometheus."""

import itertools
import json
import re
import unittest

import dashboard
from chart import ROOT


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dashboard = json.loads(dashboard.DASHBOARD.read_text())
        cls.panels = [panel for panel in cls.dashboard["panels"] if panel["type"] != "row"]

    def test_it_is_what_the_table_gives(self):
        self.assertEqual(dashboard.DASHBOARD.read_text(), dashboard.generated(), "run `make chart` and review the diff")

    def test_each_panel_has_a_number_of_its_own_and_says_what_it_shows(self):
        numbers = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assertGreater(len(self.panels), 20)
        titles = [panel["title"] for panel in self.panels]
        self.assertEqual(len(titles), len(set(titles)))
        for panel in self.panels:
            with self.subTest(panel["title"]):
                self.assertTrue(panel["title"] and panel["fieldConfig"]["defaults"]["unit"] and panel["targets"])
                self.assertRegex(panel["description"], r"^[A-Z0-9].*\.$")
                references = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(references), len(set(references)))

    def test_panels_lie_beside_each_other_within_the_grid(self):
        taken = set()
        for panel in self.dashboard["panels"]:
            place = panel["gridPos"]
            cells = set(itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])))
            self.assertEqual((cells & taken, max(x for x, _ in cells) < 24), (set(), True), panel["title"])
            taken |= cells

    def test_each_query_obeys_the_variables_and_asks_the_chosen_source(self):
        variables = {variable["name"]: variable for variable in self.dashboard["templating"]["list"]}
        self.assertEqual([*variables], ["datasource", "job", "account", "region"])
        for panel in self.panels:
            for target in panel["targets"]:
                with self.subTest(panel["title"], query=target["expr"]):
                    self.assertEqual(target["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                    selectors = re.findall(r"\b(?:ecs_keeper|process)_\w+(\{[^}]*\})?", target["expr"])
                    self.assertTrue(selectors and all('job=~"$job"' in selector for selector in selectors))
                    self.assertLessEqual(set(re.findall(r"\$(?!__)(\w+)", target["expr"])), set(variables))

    def test_it_asks_for_metrics_and_labels_that_there_are(self):
        rows = re.findall(r"^\| `(\w+)` \| \w+(?:, \*leader\*)? \| (.*?) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
        documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
        asked = set()
        for target in (target for panel in self.panels for target in panel["targets"]):
            for name, selector in re.findall(r"\b((?:ecs_keeper|process)_\w+)\{([^}]*)\}", target["expr"]):
                name = re.sub(r"_(bucket|sum|count)$", "", name)
                self.assertIn(name, documented)
                # These come from the scrape.
                labels = documented[name] | {"job", "pod", "le"}
                grouped = {label for words in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in words.split(", ")}
                named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                self.assertLessEqual(set(re.findall(r"(\w+)[=!]", selector)) | grouped | named, labels, target["expr"])
                asked.add(name)
        unasked = {name for name in documented if name.startswith("ecs_keeper_")} - asked
        # Nothing that an operator of clusters would look at every day.
        self.assertEqual(unasked, {"ecs_keeper_reports_total"})


if __name__ == "__main__":
    unittest.main()
