"""Whether each query of the dashboard, and each alert, finds what it asks for: a real Prometheus is asked, at the end of a story."""

import json
import math
import re
import unittest

from prometheus import ALERTS
from monitored import Monitored

DASHBOARD = ALERTS.with_name("dashboard.json")

# What Grafana puts in for its variables.
CHOSEN = {"$job": ".*", "$account": ".*", "$region": ".*", "$__rate_interval": "5m", "$__range": "5m"}

# What has no data in the story, by the title of its panel, and why.
WITHOUT_DATA = {
    "Failed watches": "the series of a resource begins with its first failed watch, and the API server of the story does not fail",
}

# What makes an expression an alert. What `absent` finds is not there as long as all is well.
COMPARISON = re.compile(r" (?:>|==) \d+(?: or absent\(\w+\))?$")


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.monitored = Monitored(cls)
        cls.monitored.tell()
        cls.prometheus = cls.monitored.prometheus

    def found(self, expression):
        """The values that there are, or None. What can't be computed, a quantile of nothing, is no value."""
        values = [float(series["value"][1]) for series in self.prometheus.query(expression)]
        return [value for value in values if not math.isnan(value)] or None

    def must_find(self, asked):
        """Asks all of these expressions, by what they are for, until each has found something. Prints what."""
        found = {}

        def all_have():
            found.update({what: self.found(expression) for what, expression in asked.items() if not found.get(what)})
            return all(found.values())

        try:
            self.monitored.eventually("each query returns data", all_have)
        finally:
            for what, expression in asked.items():
                values = found.get(what)
                print(f"  {what}: {f'{len(values)} series, up to {max(values):.6g}' if values else f'NOTHING: {expression}'}")

    def test_every_query_of_every_panel_returns_data(self):
        panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
        asked, without = {}, {}
        for panel in panels:
            for target in panel["targets"]:
                place = without if panel["title"] in WITHOUT_DATA else asked
                place[f"{panel['title']} [{target['refId']}]"] = chosen(target["expr"])
        self.assertGreater(len(asked), 35)
        print("\nPanels:")
        self.must_find(asked)
        self.assertEqual({what.rsplit(" [", 1)[0] for what in without}, set(WITHOUT_DATA), "a panel that there is not")
        for what, expression in without.items():
            # Prometheus takes it, and whoever finds something here takes it out of the list.
            self.assertIsNone(self.found(expression), what)

    def test_every_variable_has_values_to_choose_from(self):
        variables = [each for each in json.loads(DASHBOARD.read_text())["templating"]["list"] if each["type"] == "query"]
        self.assertGreater(len(variables), 2)
        values = {}
        for variable in variables:
            metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()
            series = self.prometheus.query(f"group by ({label}) ({chosen(metric)})")
            values[variable["name"]] = sorted(each["metric"].get(label) for each in series)
        self.assertEqual(values, {"job": ["ecs-keeper"], "account": ["default", "refused"], "region": ["cn-hangzhou"]})

    def test_every_alert_without_its_comparison_returns_data(self):
        rules = self.prometheus.rules()
        self.assertGreater(len(rules), 5)
        asked = {}
        for rule in rules:
            left, count = COMPARISON.subn("", rule["query"])
            self.assertEqual(count, 1, rule["query"])
            asked[rule["name"]] = left
        print("\nAlerts:")
        self.must_find(asked)

    def test_prometheus_evaluates_every_alert(self):
        def evaluated():
            return all(rule["lastEvaluation"] > "0002" for rule in self.prometheus.rules())

        self.monitored.eventually("each alert has been evaluated", evaluated)
        self.assertEqual({rule["name"]: rule.get("lastError", "") for rule in self.prometheus.rules() if rule["health"] != "ok"}, {})


def chosen(expression):
    """A query as Grafana sends it, when everything is chosen."""
    for variable, value in CHOSEN.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression


if __name__ == "__main__":
    unittest.main()
