"""The story of what release protection does not stop, and of the line that does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from chapter import IN, Chapter

REPORTED, CANCELLED = "i-bp1trial1", "i-bp1trial2"


class ReleaseTimes(Chapter):
    """Two protected machines with the same automatic release time: one goes, one stays."""

    def tell(self) -> None:
        """Tells it but for its end, which comes by itself: other stories can be told in the meantime."""
        tell = self._tell
        tell.story("Release times")
        # The cloud knows whole minutes; this one leaves the time that protecting takes.
        self._time = (datetime.now(timezone.utc) + timedelta(seconds=130)).replace(second=0, microsecond=0)
        tell.step("A release time", "an automatic release time is reported, and with one line more it is removed")
        tell.say(
            """Two trial machines were started from a template that has them released by themselves, within three minutes. Release protection does not
            stop that. Both get it now, and one of the two objects has a line more."""
        )
        minute = f"{self._time:%Y-%m-%dT%H:%MZ}"
        trials = (REPORTED, CANCELLED)
        self._account.seed([{"instanceId": name, "instanceName": name[5:], "autoReleaseTime": f"{self._time:%Y-%m-%dT%H:%M:00Z}"} for name in trials])
        tell.show("demo/trials.yaml")
        tell.kubectl("apply", "-f", "demo/trials.yaml")
        tell.kubectl("wait", "--for=condition=Protected", "ecsprot/reported", "ecsprot/cancelled", *IN)
        tell.kubectl("wait", "--for=condition=Ready", "ecsprot/cancelled", *IN)
        tell.check(set(trials) <= self._account.protected(), "in the cloud both are protected.")
        risks = tell.kubectl("get", "ecsprot/reported", *IN, '-o=jsonpath={.status.conditions[?(@.type=="AtRisk")].message}{"\\n"}')
        tell.check(REPORTED in risks and "automatic release time" in risks, f"{REPORTED} is named as at risk.")
        times = {name: self._account.instances().get(name, {}).get("autoReleaseTime") for name in trials}
        tell.check(times[REPORTED] is not None and times[CANCELLED] is None, f"in the cloud {CANCELLED} has no release time any more.")
        told = self._eventually(lambda: minute in tell.look("events", "--for=ecsprot/cancelled", *IN))
        tell.kubectl("events", "--for=ecsprot/cancelled", *IN)
        tell.check(told, f"an Event keeps what the time was: {minute}.")

    def the_time_comes(self) -> None:
        """Tells the end."""
        tell = self._tell
        tell.story("Release times, continued")
        tell.step("The time comes", "at the time that was reported one machine goes although it is protected, and the other one stays")
        tell.say(f"At {self._time:%H:%M} UTC the cloud releases the trial machines that still have that release time.")
        gone = self._eventually(lambda: REPORTED not in self._account.instances(), patience=150, every=0.5)
        tell.check(gone, f"{REPORTED} is gone, with its protection on.")
        lost = self._eventually(lambda: "InstanceLost" in tell.look("events", "--for=ecsprot/reported", *IN))
        tell.kubectl("events", "--for=ecsprot/reported", *IN)
        tell.check(lost, "an Event says so, and when it was last seen protected.")
        tell.check(CANCELLED in self._account.protected(), f"{CANCELLED} is there, and protected.")
        tell.kubectl("delete", "ecsprot", "reported", "cancelled", *IN)
