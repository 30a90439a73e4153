"""The story of protection that steps aside for one machine, and comes back by itself."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from chapter import IN, Chapter, names
from stage import eventually

RETIRED, REPAIRED, BYSTANDER = "i-bp1depot1", "i-bp1depot2", "i-bp1depot3"
DEPOT = "ecsprot/depot"

# So long both machines are excepted: enough to release one of them by hand.
SECONDS = 40


class Exceptions(Chapter):
    """Of three protected machines one is to be released. Another one is not, in the end."""

    def tell(self) -> None:
        """Tells it."""
        self._tell.story("Exceptions")
        self._protected()
        self._two_are_excepted()
        self._one_goes()
        self._one_comes_back()

    def _protected(self) -> None:
        tell = self._tell
        tell.step("One machine is to go", "a protected machine can't be released, whoever wants it to be")
        tell.say("Three machines of a depot are protected by their tag. The first is to be retired today.")
        depot = (RETIRED, REPAIRED, BYSTANDER)
        self._account.seed([{"instanceId": name, "instanceName": name[5:], "tags": {"team": "depot"}} for name in depot])
        tell.show("demo/depot.yaml")
        tell.kubectl("apply", "-f", "demo/depot.yaml")
        tell.kubectl("wait", "--for=condition=Protected", DEPOT, *IN)
        self._release(RETIRED, refused="InvalidOperation.DeletionProtection")

    def _two_are_excepted(self) -> None:
        tell = self._tell
        tell.step("An exception", "an exception leaves single machines unprotected for a time; nothing else changes")
        tell.say(f"Nobody has to give up the object, or to change tags. Two machines get an exception of {SECONDS} s; the second one just in case.")
        self._until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=SECONDS)
        until = f"{self._until:%Y-%m-%dT%H:%M:%SZ}"
        entries = [
            {"instanceId": RETIRED, "until": until, "reason": "is retired"},
            {"instanceId": REPAIRED, "until": until, "reason": "may have to be replaced"},
        ]
        tell.kubectl("patch", DEPOT, *IN, "--type=merge", f"--patch={json.dumps({'spec': {'exceptions': entries}})}")
        for n in range(2):
            tell.kubectl("wait", f"--for=jsonpath={{.status.exceptions[{n}].phase}}=InForce", DEPOT, *IN)
        tell.kubectl("get", "ecsprot", "depot", *IN, "-o", "wide")
        protected = self._account.protected()
        tell.check(not protected & {RETIRED, REPAIRED}, f"in the cloud {names({RETIRED, REPAIRED})} are unprotected.")
        tell.check(BYSTANDER in protected, f"{BYSTANDER} is protected.")
        path = '-o=jsonpath={range .status.conditions[?(@.type=="Protected")]}{.status} {.reason}: {.message}{"\\n"}{end}'
        said = tell.kubectl("get", DEPOT, *IN, path)
        tell.check(said.startswith("True ProtectedButExceptions:") and RETIRED in said, "status says so, and until when.")

    def _one_goes(self) -> None:
        tell = self._tell
        tell.step("It is released", "the excepted machine can be released, and that is no alarm")
        self._release(RETIRED)
        told = self._eventually(lambda: f"{RETIRED} is gone" in tell.look("events", f"--for={DEPOT}", *IN))
        tell.kubectl("events", f"--for={DEPOT}", *IN)
        tell.check(told, f"a normal Event says that {RETIRED} is gone.")

    def _one_comes_back(self) -> None:
        tell = self._tell
        tell.step("The time is over", "when the time is over, the machine that is still there is protected again by itself")
        tell.say(f"Nobody touches the object. At {self._until:%H:%M:%S} UTC the exceptions end.")
        back = eventually(lambda: REPAIRED in self._account.protected(), patience=120, every=0.2, check=self._check_operator)
        late = (datetime.now(timezone.utc) - self._until).total_seconds()
        tell.check(back and late >= 0, f"{REPAIRED} is protected again, {late:.1f} s after that.")
        tell.kubectl("wait", "--for=jsonpath={.status.exceptions[1].phase}=Expired", DEPOT, *IN)
        tell.kubectl("get", DEPOT, *IN, '-o=jsonpath={range .status.exceptions[*]}{.instanceId} {.phase}: {.message}{"\\n"}{end}')
        tell.check(BYSTANDER in self._account.protected(), f"{BYSTANDER} was protected all the time.")
        tell.kubectl("delete", DEPOT, *IN)
