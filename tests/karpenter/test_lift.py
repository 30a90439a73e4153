"""What becomes of a machine that Karpenter removes where the object's spec says to step aside (nodeRemoval: Lift)."""

import json
import unittest
from datetime import datetime, timedelta, timezone

from cluster import IN, OBJECT, POOL, REFUSAL, REGION, UNKNOWN, WORKERS, Machine, condition, protection
from workers import Workers


class Lift(Workers):
    lift = True

    def setUp(self):
        # An object steps aside for ten machines in ten minutes at most, and each test is to have its own ten.
        self.cluster.kubectl("delete", OBJECT, IN)
        self.cluster.protect_workers(lift=True)
        self.cluster.until_status("the object is judged", lambda status: True)

    def lifted(self) -> list[str]:
        """The instances for which status says that the object steps aside."""
        return [row["instanceId"] for row in self.cluster.get(OBJECT, IN)["status"].get("lifted", [])]

    def until_at_rest(self) -> None:
        """Waits until status says that all machines are protected, and nothing is lifted."""

        def rests(status):
            all_protected = status["counts"]["targets"] == status["counts"]["protected"] == self.cluster.workers()
            return all_protected and not status.get("lifted") and condition({"status": status}, "Ready") == "True"

        self.cluster.until_status("all machines are protected", rests)

    def assert_kept(self, machine: Machine) -> None:
        """However often the operator looks, it keeps the machine."""
        self.cluster.until_looked_at()
        self.assertNotIn(machine.instance, self.lifted())
        self.assertIn(machine.instance, self.cluster.account.protected())
        self.assertEqual(self.cluster.writes(machine), ["true"])

    def assert_released(self, machine: Machine) -> None:
        """Karpenter releases the machine, because its flag was switched off, once."""
        self.assertEqual(self.cluster.until_removed(machine)["reason"], "manual")
        *refused, released = [entry["code"] for entry in self.cluster.releases(machine) if entry["code"] != UNKNOWN]
        self.assertLessEqual(set(refused), {REFUSAL})
        self.assertEqual(released, "OK")
        self.assertEqual(self.cluster.writes(machine), ["true", "false"])

    def hold(self, machine: Machine) -> str:
        """Another object that wants a machine protected."""
        name = f"holds-{machine.claim}"
        self.cluster.create(protection(name, {"region": REGION, "targets": {"instanceIds": [machine.instance]}}))
        self.addCleanup(self.cluster.kubectl, "delete", f"ecsprot/{name}", IN, "--ignore-not-found")
        return name

    def patch(self, thing: str, patch: dict, *arguments: str) -> None:
        self.cluster.kubectl("patch", thing, "--type=merge", f"--patch={json.dumps(patch)}", *arguments)

    def test_i54_a_machine_goes_as_soon_as_it_is_drained(self):
        (machine,) = self.protected_machines("gone")
        self.cluster.remove(machine)
        self.assert_released(machine)
        self.until_at_rest()
        about = self.events(machine)
        self.assertIn(("Normal", "Lifted"), about)
        self.assertFalse([event for event in about if event[0] == "Warning"], about)

    def test_i45_what_is_granted_for_karpenter_is_what_it_takes(self):
        (machine,) = self.protected_machines("access")
        self.cluster.remove(machine)
        self.assert_released(machine)
        self.assertEqual(self.cluster.access_complaints(), [])

    def test_i54_several_machines_go_together(self):
        machines = self.protected_machines("wave-1", "wave-2", "wave-3")
        for machine in machines:
            self.cluster.remove(machine)
        for machine in machines:
            self.assert_released(machine)
        self.until_at_rest()

    def test_i54_a_machine_is_kept_while_it_is_drained(self):
        (machine,) = self.protected_machines("draining")
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "busy", "namespace": "default", "annotations": {"karpenter.sh/do-not-disrupt": "true"}},
            "spec": {"nodeName": machine.node, "automountServiceAccountToken": False, "containers": [{"name": "busy", "image": "busy"}]},
        }
        self.cluster.create(pod)
        self.cluster.remove(machine)
        drained = lambda: condition(self.cluster.get(f"nodeclaim/{machine.claim}"), "Drained")  # noqa: E731
        self.cluster.eventually("the drain has begun", lambda: drained() == "Unknown")
        self.assert_kept(machine)
        self.assertEqual(drained(), "Unknown")
        self.cluster.kubectl("delete", "pod/busy", "--namespace=default", "--force", "--grace-period=0")
        self.assert_released(machine)

    def test_i54_a_machine_that_another_object_protects_is_kept_as_long_as_it_does(self):
        (machine,) = self.protected_machines("held")
        name = self.hold(machine)
        self.cluster.remove(machine)
        self.until_refused(machine, 2)
        stalled = self.cluster.until_status("the other object is told of", lambda status: condition({"status": status}, "Stalled") == "True")
        (said,) = [each for each in stalled["conditions"] if each["type"] == "Stalled"]
        self.assertEqual(said["reason"], "Conflict")
        self.assertIn(machine.instance, said["message"])
        self.assert_kept(machine)
        self.cluster.kubectl("delete", f"ecsprot/{name}", IN)
        self.assert_released(machine)

    def set_by_hand(self, machine):
        """Somebody has the NodeClaim say that the release is the next step."""
        conditions = self.cluster.get(f"nodeclaim/{machine.claim}")["status"]["conditions"]
        done = ("Drained", "VolumesDetached")
        others = [condition for condition in conditions if condition["type"] not in done]
        said = [*others, *({**conditions[0], "type": name, "status": "True"} for name in done)]
        self.patch(f"nodeclaim/{machine.claim}", {"status": {"conditions": said}}, "--subresource=status")

    def test_i54_conditions_that_somebody_sets_by_hand_lift_nothing(self):
        (machine,) = self.protected_machines("by-hand")
        self.set_by_hand(machine)
        self.assert_kept(machine)
        self.assertNotIn("deletionTimestamp", self.cluster.get(f"nodeclaim/{machine.claim}")["metadata"])

    def test_i54_a_machine_that_two_nodes_stand_for_is_kept(self):
        (machine,) = self.protected_machines("twin")
        name = self.hold(machine)
        self.cluster.remove(machine)
        self.until_refused(machine, 2)
        provider = self.cluster.get(f"node/{machine.node}")["spec"]["providerID"]
        # Karpenter deletes every Node of the machine; this one stays as long as it has its finalizer.
        metadata = {"name": "other-twin", "labels": {POOL: WORKERS}, "finalizers": ["example.com/test"]}
        self.cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"providerID": provider}})
        self.cluster.kubectl("delete", f"ecsprot/{name}", IN)
        self.assert_kept(machine)
        self.patch("node/other-twin", {"metadata": {"finalizers": None}})
        self.cluster.kubectl("delete", "node/other-twin", "--ignore-not-found")
        self.assert_released(machine)

    def test_i54_a_node_claim_that_names_another_machine_lifts_nothing(self):
        liar, victim = self.protected_machines("liar", "victim")
        provider = self.cluster.get(f"nodeclaim/{victim.claim}")["status"]["providerID"]
        self.patch(f"nodeclaim/{liar.claim}", {"status": {"providerID": provider}}, "--subresource=status")
        self.cluster.remove(liar)
        # Karpenter itself does not get that far with it.
        self.set_by_hand(liar)
        for machine in (liar, victim):
            self.assert_kept(machine)

    def have_release_answered(self, machine: Machine, code: str):
        """The cloud answers this to each release of a machine, and does nothing. What ends that."""
        fault = {"operation": "DeleteInstance", "account": self.cluster.account.id, "instanceId": machine.instance}
        cloud = self.cluster.account.cloud
        made = cloud.ask("POST", "/faults", {**fault, "fault": {"kind": "error", "code": code}})
        return lambda: cloud.ask("DELETE", f"/faults/{made['id']}")

    def lift_in_vain(self, machine: Machine):
        """A machine is lifted, and Karpenter can't release it. What ends that."""
        end = self.have_release_answered(machine, "ServiceUnavailable")
        self.cluster.remove(machine)
        self.cluster.eventually(f"{machine} is lifted", lambda: machine.instance not in self.cluster.account.protected())
        self.until_lifted(machine, "InForce")
        return end

    def until_lifted(self, machine: Machine, phase: str) -> None:
        """Waits until status says that this machine alone is lifted, and has come so far."""
        said = [(machine.instance, phase)]
        rows = lambda status: [(row["instanceId"], row["phase"]) for row in status.get("lifted", [])]  # noqa: E731
        self.cluster.until_status(f"{machine} is lifted, and {phase}", lambda status: rows(status) == said)

    def let_a_quarter_of_an_hour_pass(self, machine: Machine) -> None:
        """For the lift of a machine: status can't lengthen it, but may say that it began earlier than it did."""
        since = datetime.now(timezone.utc) - timedelta(minutes=15)
        rows = self.cluster.get(OBJECT, IN)["status"]["lifted"]
        (row,) = [row for row in rows if row["instanceId"] == machine.instance]
        row["since"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.patch(OBJECT, {"status": {"lifted": rows}}, "--subresource=status", IN)

    def events(self, machine: Machine) -> list[tuple[str, str]]:
        """Type and reason of what Events say of a machine."""
        events = self.cluster.get("events", IN)["items"]
        return [(event["type"], event["reason"]) for event in events if machine.instance in (event.get("message") or event.get("note") or "")]

    def test_i54_a_machine_that_karpenter_can_not_release_is_protected_again_and_told(self):
        (machine,) = self.protected_machines("stuck")
        end = self.lift_in_vain(machine)
        self.let_a_quarter_of_an_hour_pass(machine)
        self.cluster.until_protected(machine)
        status = self.cluster.until_status("it is told", lambda status: condition({"status": status}, "Stalled") == "True")
        (said,) = [each for each in status["conditions"] if each["type"] == "Stalled"]
        self.assertEqual(said["reason"], "NotReleased")
        for word in (machine.instance, machine.node):
            self.assertIn(word, said["message"])
        self.until_lifted(machine, "Expired")
        self.cluster.eventually("an Event tells it", lambda: ("Warning", "NotReleased") in self.events(machine))
        # The cause is corrected, and it is the same removal.
        end()
        self.cluster.until_looked_at()
        self.until_refused(machine, len(self.cluster.releases(machine)) + 1)
        self.assertIn(machine.instance, self.cluster.account.protected())
        self.assertEqual(self.cluster.writes(machine), ["true", "false", "true"])
        # Somebody asks for it again.
        self.addCleanup(self.cluster.protect_workers, lift=True)
        self.cluster.protect_workers(lift=False)
        self.cluster.until_status("nothing is lifted", lambda status: not status.get("lifted"))
        self.cluster.protect_workers(lift=True)
        self.assertEqual(self.cluster.until_removed(machine)["reason"], "manual")
        self.assertEqual(self.cluster.writes(machine), ["true", "false", "true", "false"])
        self.until_at_rest()

    def test_i54_a_machine_that_karpenter_takes_for_gone_is_protected_again_and_told(self):
        (machine,) = self.protected_machines("orphan")
        end = self.lift_in_vain(machine)
        self.have_release_answered(machine, UNKNOWN)
        end()
        left = (f"nodeclaim/{machine.claim}", f"node/{machine.node}")
        self.cluster.eventually(f"Karpenter takes {machine} for gone", lambda: not any(self.cluster.get(each) for each in left))
        self.cluster.until_looked_at()
        self.assertNotIn(machine.instance, self.cluster.account.protected())
        self.until_lifted(machine, "InForce")
        self.let_a_quarter_of_an_hour_pass(machine)
        self.cluster.until_protected(machine)
        self.cluster.eventually("an Event tells it", lambda: ("Warning", "OrphanedInstance") in self.events(machine))
        self.until_at_rest()
        self.assertEqual(self.cluster.writes(machine), ["true", "false", "true"])

    def test_i54_a_machine_whose_node_somebody_takes_away_is_protected_again(self):
        (machine,) = self.protected_machines("taken")
        self.lift_in_vain(machine)
        self.patch(f"node/{machine.node}", {"metadata": {"finalizers": None}})
        self.cluster.eventually("its Node is gone", lambda: self.cluster.get(f"node/{machine.node}") is None)
        self.cluster.until_protected(machine)
        self.cluster.eventually("nothing is lifted", lambda: not self.lifted())
        self.assertEqual(self.cluster.writes(machine), ["true", "false", "true"])


if __name__ == "__main__":
    unittest.main()
