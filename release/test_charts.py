"""The image's digest in the chart."""

import unittest

from charts import definitions, with_image
from source import CHART, ROOT, Refused

DIGEST = f"sha256:{'0' * 64}"


class WithImage(unittest.TestCase):
    def setUp(self):
        self.values = (ROOT / CHART / "values.yaml").read_text()

    def test_two_lines_of_the_values_change_and_no_other(self):
        changed = with_image(self.values, "registry.example.com/team/ecs-keeper", DIGEST)
        lines = [(was, now) for was, now in zip(self.values.splitlines(), changed.splitlines()) if was != now]
        expected = [("  repository: ecs-keeper", "  repository: registry.example.com/team/ecs-keeper"), ('  digest: ""', f"  digest: {DIGEST}")]
        self.assertEqual(lines, expected)
        self.assertEqual(len(changed.splitlines()), len(self.values.splitlines()))

    def test_a_key_of_the_same_name_elsewhere_stays(self):
        values = 'image:\n  repository: a\n  digest: ""\nother:\n  digest: ""\n'
        self.assertEqual(with_image(values, "b", DIGEST), f'image:\n  repository: b\n  digest: {DIGEST}\nother:\n  digest: ""\n')

    def test_values_without_a_place_for_the_digest_are_refused(self):
        for values in ("image:\n  repository: a\n", "other: {}\n", 'image:\n  repository: a\n  digest: ""\n  digest: ""\n'):
            with self.subTest(values), self.assertRaisesRegex(Refused, "no image.(digest|repository)"):
                with_image(values, "b", DIGEST)


class Definitions(unittest.TestCase):
    def test_one_text_has_every_definition_as_a_document(self):
        text = definitions(ROOT)
        self.assertEqual(text.count("\nkind: CustomResourceDefinition\n"), len(list((ROOT / "crds").glob("*.yaml"))))
        self.assertEqual(text.count("---\n"), text.count("\nkind: CustomResourceDefinition\n"))


if __name__ == "__main__":
    unittest.main()
