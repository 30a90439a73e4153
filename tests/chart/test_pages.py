"""What the pages have people type or save: kubectl and Helm take it. What it names is checked by tests/book/commands.py. No API server is needed."""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

from chart import CHART, RELEASE, ROOT, Failed, Helm, ensure, run

sys.path.insert(0, str(ROOT / "tests" / "book"))

import commands  # noqa: E402


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.helm = Helm(cls.folder)
        cls.pages = {page: (ROOT / page).read_text() for page in commands.targets(commands.SUMMARY) if page != commands.CHANGES}

    def test_kubectl_and_helm_know_each_subcommand_and_flag(self):
        kubectl = ensure("kubectl")["kubectl"]
        programs = {"kubectl": lambda *words: run([kubectl, *words]), "helm": self.helm}
        typed = {tuple(words) for text in self.pages.values() for command in commands.commands_of(text) for words in commands.simple(command)}
        tried = 0
        for name, *words in sorted(filter(None, typed)):
            if name not in programs or words[:1] == ["ecs-keeper"]:
                continue
            own = words[: words.index("--")] if "--" in words else words
            # Flags are read before help is given, and a mistake in them is one.
            with self.subTest(" ".join([name, *own])):
                programs[name](*(word for word in own if word not in commands.ELLIPSES), "--help")
            tried += 1
        self.assertGreater(tried, 50)

    def test_they_would_not_take_a_mistake(self):
        kubectl = ensure("kubectl")["kubectl"]
        for program, *words in ([kubectl, "gets", "pods"], [kubectl, "get", "pods", "--everywhere"], [kubectl, "logs", "a", "--tail=all"]):
            with self.subTest(words), self.assertRaises(Failed):
                run([program, *words, "--help"])
        with self.assertRaises(Failed):
            self.helm("upgrade", "a", "b", "--reset-and-reuse-values", "--help")

    def test_helm_takes_the_values_and_the_configuration_of_the_pages(self):
        properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
        tried = 0
        for page, text in self.pages.items():
            for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
                keys = set(re.findall(r"^(\w+):", block, re.MULTILINE))
                if keys & set(properties["config"]["properties"]) and not keys & set(properties):
                    block = "config:\n" + re.sub("^", "  ", block, flags=re.MULTILINE)
                elif not keys & set(properties) or "apiVersion" in keys:
                    continue
                values = self.folder / "values-of-a-page.yaml"
                values.write_text(block)
                with self.subTest(page, block=block):
                    self.helm("template", RELEASE, CHART, f"--values={values}")
                tried += 1
        self.assertGreaterEqual(tried, 6)


if __name__ == "__main__":
    unittest.main()
