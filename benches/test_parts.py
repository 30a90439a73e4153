"""The parts of the bench are those that its page tells of."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

RUN = Path(__file__).with_name("run")
PAGE = RUN.parent.parent / "docs" / "benchmarks.md"


def run(*arguments):
    return subprocess.run([sys.executable, RUN, *arguments], capture_output=True, text=True, timeout=60)


class TheParts(unittest.TestCase):
    def test_are_those_of_the_page(self):
        listed = [line.split()[0] for line in run("--list").stdout.splitlines()]
        told = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)
        self.assertTrue(listed)
        self.assertEqual(listed, told)

    def test_that_do_not_exist_are_refused_before_anything_is_built(self):
        refused = run("failover", "nothing")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("there is no part nothing; the parts are simulation,", refused.stderr)


if __name__ == "__main__":
    unittest.main()
