"""The story of the machines. Each step says what happens, does it, and checks it against the cloud's true state."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from chapter import IN, SWEEP, Chapter, names

PROTECTABLE = {"i-bp1shop1", "i-bp1shop2", "i-bp1shop3", "i-bp1pilot", "i-bp1surge"}
WORKERS = {"i-bp1worker1", "i-bp1worker2", "i-bp1worker3"}

PRODUCTION = "ecsprot/production"


def fleet() -> list[dict]:
    """The machines at the beginning, as the simulator's README describes seeds."""
    production = {"env": "prod"}
    in_three_days = datetime.now(timezone.utc) + timedelta(days=3)
    return [
        *({"instanceId": f"i-bp1shop{n}", "instanceName": f"shop-{n}", "tags": production} for n in range(1, 5)),
        {"instanceId": "i-bp1ledger", "instanceName": "ledger", "tags": production, "instanceChargeType": "PrePaid"},
        {"instanceId": "i-bp1batch", "instanceName": "batch", "tags": production, "spotStrategy": "SpotAsPriceGo"},
        {"instanceId": "i-bp1pilot", "instanceName": "pilot", "tags": production, "autoReleaseTime": f"{in_three_days:%Y-%m-%dT%H:%M:00Z}"},
        {"instanceId": "i-bp1surge", "instanceName": "surge", "tags": {**production, "acs:autoscaling:scalingGroupId": "asg-bp1surge"}},
        *({"instanceId": name, "instanceName": name[5:], "tags": {"pool": "workers"}} for name in sorted(WORKERS)),
        {"instanceId": "i-bp1sandbox", "instanceName": "sandbox", "tags": {"env": "dev"}},
    ]


class Machines(Chapter):
    """Release protection: an accident, and how it is kept from happening again."""

    def tell(self) -> None:
        """Tells it."""
        self._tell.story("Machines")
        self._accident()
        self._six_lines()
        self._the_same_slip_again()
        self._honest_status()
        self._switched_off_in_the_console()
        self._nodes()
        self._a_node_goes()
        self._a_rival()
        self._deleted_under_keep()
        self._deleted_under_disable()

    def _accident(self) -> None:
        tell = self._tell
        tell.step("An accident", "an unprotected machine is released by one slip of the hand")
        tell.say(
            """A small fleet runs in cn-hangzhou: a shop (tag env=prod) that is mostly paid as it goes, with a subscription and a spot instance,
            one instance with an automatic release time and one of a scaling group; three workers of a Kubernetes cluster; and a sandbox.
            None of them has release protection. Somebody tidies up in the console and takes the wrong line of the list."""
        )
        self._list()
        self._release("i-bp1shop4")
        tell.check("i-bp1shop4" not in self._account.instances(), "shop-4 is gone, and its data with it.")
        tell.check(not self._account.protected(), "no instance of the account is protected.")

    def _six_lines(self) -> None:
        tell = self._tell
        tell.step("Six lines", "six lines of YAML protect every machine with the tag that can be protected, and nothing else")
        tell.say("A custom resource says which machines are meant. kubectl wait returns when the cloud was seen to hold what was asked.")
        tell.show("demo/production.yaml")
        began = time.monotonic()
        tell.kubectl("apply", "-f", "demo/production.yaml")
        tell.kubectl("wait", "--for=condition=Protected", PRODUCTION, *IN)
        took = time.monotonic() - began
        tell.kubectl("get", "ecsprot", *IN, "-o", "wide")
        protected = self._account.protected()
        tell.check(protected == PROTECTABLE, f"in the cloud exactly {names(protected)} are protected, {took:.1f} s after kubectl apply began.")
        tell.check(self._written() == sorted(PROTECTABLE), "that took one write for each of them, and no other.")

    def _the_same_slip_again(self) -> None:
        tell = self._tell
        tell.step("The same slip again", "the same slip is refused now")
        tell.say("The wrong line again, this time with release protection on it.")
        self._release("i-bp1shop1", refused="InvalidOperation.DeletionProtection")
        tell.check("i-bp1shop1" in self._account.instances(), "shop-1 is still there.")

    def _honest_status(self) -> None:
        tell = self._tell
        tell.step("What can't be promised", "the status names what can't be protected, and what can be lost although it is protected")
        tell.say("ProtectedWhereApplicable is not Protected, and AtRisk is not 0. The status says of which machines it speaks:")
        rows = tell.kubectl("get", PRODUCTION, *IN, '-o=jsonpath={range .status.instances[*]}{.instanceId}: {.state}. {.message}{"\\n"}{end}')
        risks = tell.kubectl("get", PRODUCTION, *IN, '-o=jsonpath={.status.conditions[?(@.type=="AtRisk")].message}')
        for instance, kind in (("i-bp1ledger", "subscription"), ("i-bp1batch", "spot")):
            tell.check(f"{instance}: NotApplicable. A {kind} instance" in rows, f"the {kind} instance {instance} is named as not protected.")
        for instance, why in (("i-bp1pilot", "automatic release time"), ("i-bp1surge", "Auto Scaling group")):
            tell.check(instance in risks and why in risks, f"{instance} is named as at risk: {why}.")

    def _switched_off_in_the_console(self) -> None:
        tell = self._tell
        tell.step("Somebody switches it off", "protection that is switched off in the console is back with the next sweep")
        before = self._written()
        began = time.monotonic()
        self._account.switch_off("i-bp1shop2")
        tell.console("Disable Release Protection: i-bp1shop2", "Done.")
        tell.check("i-bp1shop2" not in self._account.protected(), "shop-2 is unprotected.")
        tell.say(f"The operator lists the region every {SWEEP} s here, so that nobody has to wait; the default is 10 s.")
        back = self._eventually(lambda: "i-bp1shop2" in self._account.protected())
        tell.check(back, f"{time.monotonic() - began:.1f} s later shop-2 is protected again.")
        self._two_more_sweeps()
        tell.check(self._written() == sorted([*before, "i-bp1shop2"]), "that took one write, and two sweeps later it is still that one.")
        tell.kubectl("events", f"--for={PRODUCTION}", *IN)

    def _nodes(self) -> None:
        tell = self._tell
        tell.step("Kubernetes Nodes", "the machines behind Kubernetes Nodes are protected by the Nodes' labels")
        tell.say("The workers carry no tag for it, but they are Nodes of this cluster, and a Node knows its machine. No region is needed.")
        tell.kubectl("get", "nodes", "-o=custom-columns=NAME:.metadata.name,MACHINE:.spec.providerID")
        tell.show("demo/workers.yaml")
        tell.kubectl("apply", "-f", "demo/workers.yaml")
        tell.kubectl("wait", "--for=condition=Protected", "ecsprot/workers", *IN)
        tell.check(WORKERS <= self._account.protected(), f"in the cloud {names(WORKERS)} are protected.")

    def _a_node_goes(self) -> None:
        tell = self._tell
        tell.step("A Node goes away", "a Node that goes away takes its machine out of the selection; protection stays, and an Event says so")
        tell.say("Its machine may still hold data that somebody wants back: protection is never lifted because something is not there any more.")
        tell.kubectl("delete", "node", "worker-3")
        tell.kubectl("wait", "--for=jsonpath={.status.counts.targets}=2", "ecsprot/workers", *IN)
        told = self._eventually(lambda: "NodeLeft" in tell.look("events", "--for=ecsprot/workers", *IN))
        tell.kubectl("events", "--for=ecsprot/workers", *IN)
        tell.check(told, "an Event says that the Node has left.")
        self._two_more_sweeps()
        tell.check("i-bp1worker3" in self._account.protected(), "worker-3's machine is still protected in the cloud.")

    def _a_rival(self) -> None:
        tell = self._tell
        tell.step("A rival", "of two objects that disagree the protected one wins, and the other one is told")
        tell.say("Another object wants protection off on a machine that production wants protected.")
        tell.show("demo/rival.yaml")
        tell.kubectl("apply", "-f", "demo/rival.yaml")
        tell.kubectl("wait", "--for=condition=Stalled", "ecsprot/rival", *IN)
        path = '-o=jsonpath={range .status.conditions[?(@.type=="Protected")]}{.status} {.reason}: {.message}{"\\n"}{end}'
        said = tell.kubectl("get", "ecsprot/rival", *IN, path)
        tell.check(said.startswith("False Conflict:"), "it says Conflict.")
        self._two_more_sweeps()
        tell.check("i-bp1shop1" in self._account.protected(), "two sweeps later shop-1 is protected as before.")
        tell.check(not self._unprotecting_writes(), "the operator has not even tried to switch anything off.")
        tell.kubectl("delete", "ecsprot", "rival", *IN)

    def _deleted_under_keep(self) -> None:
        tell = self._tell
        tell.step("Deletion keeps", "deleting an object changes nothing in the cloud, unless the object says so")
        tell.say("deletionPolicy is Keep if nothing is said. Whoever deletes an object, its namespace or all of ecs-keeper by mistake loses no protection.")
        before = self._account.protected(), self._written()
        tell.kubectl("delete", "ecsprot", "workers", *IN)
        self._two_more_sweeps()
        unchanged = before == (self._account.protected(), self._written())
        tell.check(unchanged, "two sweeps later the workers' machines are protected as before; nothing was written.")

    def _deleted_under_disable(self) -> None:
        tell = self._tell
        tell.step("Deletion lets go", "with deletionPolicy Disable, deletion lifts the protection that nobody else wants, and then lets go")
        tell.say("The shop is retired, and this time it is meant.")
        tell.kubectl("patch", PRODUCTION, *IN, "--type=merge", '--patch={"spec":{"deletionPolicy":"Disable"}}')
        tell.kubectl("wait", "--for=jsonpath={.metadata.finalizers[0]}=ecs-keeper.io/deletion-policy", PRODUCTION, *IN)
        tell.kubectl("delete", "ecsprot", "production", *IN, "--timeout=30s")
        path = "-o=custom-columns=OBJECT:.involvedObject.name,MESSAGE:.message"
        told = self._eventually(lambda: "Deleted" in tell.look("get", "events", *IN, path))
        tell.kubectl("get", "events", *IN, "--field-selector=reason=DisabledAsAsked", path)
        tell.check(told, "an Event counts what was done.")
        tell.check(self._unprotecting_writes() == sorted(PROTECTABLE), "one write for each machine of the shop switched its protection off.")
        tell.check(self._account.protected() == WORKERS, f"in the cloud only {names(WORKERS)} are still protected.")
        self._release("i-bp1shop1")
        tell.check("i-bp1shop1" not in self._account.instances(), "the cloud really lets go: shop-1 is released.")

    def _list(self) -> None:
        """The machines as the console shows them."""
        rows = []
        for name, instance in sorted(self._account.instances().items()):
            spot = instance["spotStrategy"] != "NoSpot"
            payment = "subscription" if instance["instanceChargeType"] == "PrePaid" else "spot" if spot else "pay-as-you-go"
            tags = ", ".join(f"{key}={value}" for key, value in instance["tags"].items())
            rows.append(f"{name:<13} {payment:<14} {'protected' if instance['deletionProtection'] else 'not protected':<14} {tags}")
        self._tell.console("List the instances", "\n".join(rows))

    def _written(self) -> list[str]:
        """The machines of all successful and unsuccessful writes so far, once for each write."""
        return sorted(entry["parameters"]["InstanceId"] for entry in self._account.writes())

    def _unprotecting_writes(self) -> list[str]:
        """The machines of the writes that asked for no protection."""
        return sorted(e["parameters"]["InstanceId"] for e in self._account.writes() if e["parameters"]["DeletionProtection"] != "true")
