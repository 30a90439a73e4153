"""The chart's alerts, judged and played through by promtool."""

import re
import unittest
from pathlib import Path

from chart import CHART, ROOT, run
from binaries import ensure

ALERTS = CHART / "files" / "alerts.yaml"


class Alerts(unittest.TestCase):
    def promtool(self, *arguments):
        return run([ensure("promtool")["promtool"], *arguments])

    def test_promtool_finds_nothing_to_complain_of(self):
        self.assertIn("SUCCESS", self.promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS))

    def test_they_speak_when_they_should_and_are_silent_otherwise(self):
        self.promtool("test", "rules", Path(__file__).with_name("alerts.yaml"))

    def test_they_ask_for_metrics_and_reasons_that_there_are(self):
        text = ALERTS.read_text()
        documented = set(re.findall(r"^\| `(ecs_keeper_\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
        self.assertLessEqual(set(re.findall(r"ecs_keeper_\w+", text)), documented)
        reasons = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "reasons.md").read_text(), re.MULTILINE))
        asked = {word for words in re.findall(r'reason[=!]~"([^"]*)"', text) for word in words.split("|")}
        self.assertGreater(len(asked), 5)
        self.assertLessEqual(asked, reasons)


if __name__ == "__main__":
    unittest.main()
