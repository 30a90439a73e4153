"""What becomes of machines where Karpenter is installed only after the operator has started."""

import unittest

from cluster import Cluster, condition


class InstalledLater(unittest.TestCase):
    def test_i54_karpenter_is_followed_from_when_it_is_there(self):
        cluster = Cluster(type(self))
        operator = cluster.start_operator(watches_claims=True)
        cluster.protect_workers(lift=True)
        log = lambda: [line for line in operator.log.read_text().splitlines() if "NodeClaim" in line]  # noqa: E731
        cluster.eventually("the operator has found no NodeClaims", log)
        cluster.until_status("nothing is wrong", lambda status: condition({"status": status}, "Stalled") == "False")
        cluster.start_karpenter()
        machine, other = cluster.machines("late", "stays")
        cluster.until_protected(machine, other)
        cluster.remove(machine)
        self.assertEqual(cluster.until_removed(machine)["reason"], "manual")
        self.assertEqual((cluster.writes(machine), cluster.writes(other)), (["true", "false"], ["true"]))
        # It was waited for without a word of failure, and told once.
        (said,) = log()
        self.assertIn("Karpenter is waited for", said)


if __name__ == "__main__":
    unittest.main()
