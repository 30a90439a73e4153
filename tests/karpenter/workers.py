"""What the classes of tests have in common: machines of Karpenter's, an object that wants them protected, and others that nothing may happen to."""

from __future__ import annotations

import unittest

from cluster import Cluster, Machine


class Workers(unittest.TestCase):
    lift = False
    """Whether the object says nodeRemoval: Lift."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls)
        cls.operator = cls.cluster.start_operator(cls.lift)
        cls.karpenter = cls.cluster.start_karpenter()
        cls.others = cls.cluster.machines("shop-1", "shop-2", "shop-3")
        cls.cluster.protect_workers(lift=cls.lift)
        cls.cluster.until_protected(*cls.others)

    def tearDown(self):
        """Whatever a test does to its own machines, all others stay protected throughout."""
        for machine in self.others:
            self.assertIn(machine.instance, self.cluster.account.protected())
            # The cloud's log has each write of the flag: none switched it off in between.
            self.assertEqual(set(self.cluster.writes(machine)), {"true"})

    def protected_machines(self, *claims: str) -> list[Machine]:
        """Machines of a test's own."""
        machines = self.cluster.machines(*claims)
        self.cluster.until_protected(*machines)
        return machines

    def until_refused(self, machine: Machine, times: int) -> None:
        """Waits until Karpenter has tried so often to release it, and could not."""
        self.cluster.eventually(f"{machine} was not released {times} times", lambda: len(self.cluster.releases(machine)) >= times)
