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
        played = Path(__file__).with_name("alerts.yaml").read_text()
        for asking in (text, played):
            asked = {word for words in re.findall(r'reason(?:=|!=|=~|!~)"([^"]*)"', asking) for word in words.split("|")}
            self.assertGreater(len(asked), 5)
            self.assertLessEqual(asked, reasons)

    def test_each_leads_to_its_section(self):
        # How GitHub names a heading: in lower case.
        text = ALERTS.read_text()
        urls = re.findall(r"- alert: (\w+)\n(?:(?!      - alert:).*\n)*?          runbook_url: (.*)\n", text)
        self.assertEqual(urls, [(name, f"docs/alerts.md#{name.lower()}") for name in re.findall(r"- alert: (\w+)", text)])

    def test_each_has_a_place_that_says_what_to_do_about_it(self):
        text = ALERTS.read_text()
        named = re.findall(r"- alert: (\w+)", text)
        self.assertGreater(len(named), 5)
        page = (ROOT / "docs" / "alerts.md").read_text()
        table = re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \| (\w+) \| .+ \|$", page, re.MULTILINE)
        severities = re.findall(r"severity: (\w+)", text)
        self.assertEqual(table, [(name, name.lower(), severity) for name, severity in zip(named, severities)])
        sections = dict(re.findall(r"^## (EcsKeeper\w+)\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL))
        self.assertEqual([*sections], named)
        for name, section in sections.items():
            parts = re.findall(r"^\*\*(.*?)\*\*", section, re.MULTILINE)
            self.assertEqual(parts, ["What it means.", "What to look at.", "What to do."], name)

        quoted = re.findall(r'docs/disaster\.md [^("]*\("([^"]*)"\)', " ".join(text.split()))
        headings = re.findall(r"^## (.*)$", (ROOT / "docs" / "disaster.md").read_text(), re.MULTILINE)
        self.assertGreater(len(quoted), 3)
        self.assertLessEqual(set(quoted), set(headings))


if __name__ == "__main__":
    unittest.main()
