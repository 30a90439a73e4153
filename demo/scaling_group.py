"""The story of a scaling group, which release protection does not stop, of the line that does, and of what that line does not stop."""

from __future__ import annotations

from chapter import IN, Chapter, names
from stage import REGION

GROUP, WEB = "asg-bp1web", "ecsprot/web"

# The group removes the oldest first: these two are selected, the third is not.
FIRST, SECOND, OTHER = "i-bp1web1", "i-bp1web2", "i-bp1web3"


class ScalingGroup(Chapter):
    """Two protected members of a scaling group: one goes, one stays until somebody names it."""

    def tell(self) -> None:
        """Tells it."""
        self._tell.story("A scaling group")
        self._scale_in()
        self._one_line_more()
        self._removed_by_name()

    def _scale_in(self) -> None:
        tell = self._tell
        tell.step("Scale-in", "a scaling group removes its machines although they are protected; status says so beforehand")
        tell.say(
            f"""Three web servers are members of the scaling group {GROUP}, which has created them. {FIRST} and {SECOND} keep their users'
            sessions (tag sessions=local), so they get release protection. Then fewer visitors come, and a scaling rule makes the group smaller."""
        )
        selected = {FIRST, SECOND}
        tags = {name: {"sessions": "local"} if name in selected else {} for name in (FIRST, SECOND, OTHER)}
        self._account.seed([{"instanceId": name, "instanceName": name[5:], "tags": tags[name]} for name in tags])
        self._account.seed_scaling_group(GROUP, list(tags))
        tell.show("demo/web.yaml")
        tell.kubectl("apply", "-f", "demo/web.yaml")
        tell.kubectl("wait", "--for=condition=Protected", WEB, *IN)
        tell.check(selected <= self._account.protected(), f"in the cloud {names(selected)} are protected from release.")
        risks = tell.kubectl("get", WEB, *IN, '-o=jsonpath={range .status.instances[*]}{.instanceId}: {.risks[*].message}{"\\n"}{end}')
        tell.check(all(f"{name}: " in risks for name in selected) and "scaleIn: Protect" in risks, "status says that scale-in can remove both.")
        self._smaller(1, removed={FIRST})
        gone = self._eventually(lambda: FIRST not in self._account.instances())
        tell.check(gone, f"{FIRST} is gone, with its protection on.")
        lost = self._eventually(lambda: f"{FIRST} is gone" in tell.look("events", f"--for={WEB}", *IN))
        tell.kubectl("events", f"--for={WEB}", *IN)
        tell.check(lost, "a Warning says so, and when it was last seen protected.")

    def _one_line_more(self) -> None:
        tell = self._tell
        tell.step("One line more", "with one line more, scale-in passes the selected machines over and takes others")
        tell.say("Auto Scaling has a protection of its own against scale-in. From now on the object keeps it on, too.")
        tell.kubectl("patch", WEB, *IN, "--type=merge", '--patch={"spec":{"scaleIn":"Protect"}}')
        tell.kubectl("wait", "--for=condition=Ready", WEB, *IN)
        tell.kubectl("get", WEB, *IN, '-o=jsonpath={.status.scalingGroups}{"\\n"}')
        tell.check(self._account.protected_members(GROUP) == {SECOND}, f"in the cloud {SECOND} is protected from scale-in, and it alone.")
        tell.say("Now a scaling rule wants two machines fewer, and the group has just two.")
        self._smaller(2, removed={OTHER})
        gone = self._eventually(lambda: OTHER not in self._account.instances())
        tell.check(gone and SECOND in self._account.protected(), f"{OTHER}, which nobody protects, is gone. {SECOND} is there, and protected.")

    def _removed_by_name(self) -> None:
        tell = self._tell
        tell.step("Removed by name", "whoever names a machine of a scaling group still removes it; status says so beforehand")
        tell.say("cluster-autoscaler, or somebody in the console, doesn't ask for fewer machines, but names the one that is to go.")
        risk = tell.kubectl("get", WEB, *IN, '-o=jsonpath={.status.instances[0].instanceId}: {.status.instances[0].risks[*].message}{"\\n"}')
        tell.check(risk.startswith(f"{SECOND}: ") and "names" in risk, "status says that this is not stopped.")
        self._account.console("RemoveInstances", {"RegionId": REGION, "ScalingGroupId": GROUP, "InstanceIds.1": SECOND})
        tell.console(f"Remove from the scaling group: {SECOND}", "Done.")
        gone = self._eventually(lambda: SECOND not in self._account.instances())
        tell.check(gone, f"{SECOND} is gone, with both of its protections on.")
        tell.kubectl("delete", WEB, *IN)

    def _smaller(self, by: int, removed: set[str]) -> None:
        """A scaling rule makes the group smaller, and which members the group picks."""
        picked = set(self._account.scale_in(GROUP, by))
        self._tell.console(f"Run the scaling rule: {by} fewer", f"Removed: {names(picked)}")
        self._tell.check(picked == removed, f"the group has picked {names(removed)}.")
