"""What becomes of a machine that Karpenter is to remove while the operator keeps it protected."""

import unittest

from cluster import FINALIZER, REFUSAL, SANDBOX, UNKNOWN, Machine, condition
from workers import Workers


class NodeRemoval(Workers):
    def refused(self, claim: str) -> Machine:
        """A protected machine that Karpenter tries to release."""
        (machine,) = self.protected_machines(claim)
        self.cluster.remove(machine)
        self.until_refused(machine, 4)
        return machine

    def test_a_protected_machine_is_drained_and_then_neither_it_nor_its_node_goes(self):
        machine = self.refused("refused")
        self.assertEqual({entry["code"] for entry in self.cluster.releases(machine)}, {REFUSAL})
        errors = self.karpenter.errors(machine.node)
        self.assertGreaterEqual(len(errors), 3)
        for error in errors:
            self.assertIn(REFUSAL, error)
        claim, node = self.cluster.get(f"nodeclaim/{machine.claim}"), self.cluster.get(f"node/{machine.node}")
        for left in (claim, node):
            self.assertIn("deletionTimestamp", left["metadata"])
            self.assertIn(FINALIZER, left["metadata"]["finalizers"])
        conditions = [condition(claim, name) for name in ("Drained", "VolumesDetached", "InstanceTerminating")]
        self.assertEqual(conditions, ["True", "True", None])
        self.assertIn(machine.instance, self.cluster.account.protected())
        self.assertEqual(self.cluster.writes(machine), ["true"])

    def test_such_a_machine_goes_once_it_is_excluded_and_its_flag_is_switched_off(self):
        machine = self.refused("excluded")
        self.addCleanup(self.cluster.protect_workers)
        self.cluster.protect_workers(machine)
        self.cluster.until_status("it is no target any more", lambda status: status["counts"]["targets"] == self.cluster.workers() - 1)
        # What leaves the selection keeps its flag.
        self.assertIn(machine.instance, self.cluster.account.protected())
        self.cluster.account.switch_off(machine.instance)
        self.assertEqual(self.cluster.until_removed(machine)["reason"], "manual")
        *refused, released = [entry["code"] for entry in self.cluster.releases(machine) if entry["code"] != UNKNOWN]
        self.assertEqual((set(refused), released), ({REFUSAL}, "OK"))
        self.assertEqual(self.cluster.writes(machine), ["true"])

    def test_a_machine_that_nobody_protects_goes_at_the_first_try(self):
        (machine,) = self.cluster.machines("unprotected", pool=SANDBOX)
        self.cluster.remove(machine)
        self.cluster.until_removed(machine)
        released, *asked_again = [entry["code"] for entry in self.cluster.releases(machine)]
        self.assertEqual((released, set(asked_again)), ("OK", {UNKNOWN}))
        self.assertEqual(self.karpenter.errors(machine.node), [])
        self.assertEqual(self.cluster.writes(machine), [])


if __name__ == "__main__":
    unittest.main()
