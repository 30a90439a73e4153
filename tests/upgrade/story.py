"""How objects come to be in more than twenty states: who wants what, what happens in the cloud, and what status says in the end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from installation import Installation
from comparison import by_name
from stage import INSTANCES, NAMESPACE, REGION, Failed

ACCOUNT = "1000000000000032"
PROTECTION, RETENTION = "EcsInstanceProtection", "EniRetention"

# Seconds after which the shorter exception ends: it has to be in force before.
SHORT = 12


def _times(**since_now: float) -> str:
    return f"{datetime.now(timezone.utc) + timedelta(**since_now):%Y-%m-%dT%H:%M:%SZ}"


def account() -> dict:
    """The account at the beginning, as the simulator takes it."""
    place = {"vpcId": "vpc-prod", "vSwitchId": "vsw-prodh", "securityGroupIds": ["sg-gateway"]}
    production = {"tags": {"env": "prod"}}
    to_be_released = {"autoReleaseTime": _times(days=20)[:-3] + "00Z"}
    instances = {
        **{name: production for name in ("i-web1", "i-web2", "i-weblost", "i-webleft")},
        "i-webledger": {**production, "instanceChargeType": "PrePaid"},
        "i-plain1": {"networkInterfaces": [{"networkInterfaceId": "eni-plain1"}]},
        "i-timer1": to_be_released,
        "i-trial1": to_be_released,
        **{f"i-depot{n}": {} for n in (1, 2, 3)},
        "i-closed1": {"networkInterfaces": [{"networkInterfaceId": "eni-closed1"}]},
        "i-lab1": {},
        **{f"i-{name}": {} for name in ("fleet1", "fleet2", "shrink1", "worker1", "worker2", "retiring1", "guest1")},
        "i-drained": {"tags": {"karpenter.sh/nodepool": "drained"}, "deletionProtection": True},
        "i-gate1": {"tags": {"service": "gateway"}, "networkInterfaces": [_gate("a", type="Primary"), _gate("b"), _gate("c")], **place},
        "i-standin1": place,
        "i-remote1": {**place, "vSwitchId": "vsw-prodi", "zoneId": f"{REGION}-i"},
        "i-bound1": {"networkInterfaces": [{"networkInterfaceId": "eni-bound1"}]},
    }
    member = {"instanceIds": ["i-shrink1"], "lifecycleState": "Protected"}
    return {
        "accountId": ACCOUNT,
        "instances": [{"instanceId": name, **seed} for name, seed in instances.items()],
        "networkInterfaces": [{"networkInterfaceId": "eni-free1"}],
        "scalingGroups": [
            {"scalingGroupId": "asg-fleet", "members": [{"instanceIds": ["i-fleet1", "i-fleet2"]}]},
            {"scalingGroupId": "asg-shrink", "members": [member]},
        ],
    }


def _gate(letter: str, **seed) -> dict:
    number = "abc".index(letter) + 10
    eips = [{"allocationId": "eip-gate1", "publicIpAddress": "203.0.113.1"}] if letter == "a" else []
    return {"networkInterfaceId": f"eni-gate1{letter}", "primaryIpAddress": f"10.0.1.{number}", "eips": eips, **seed}


def objects() -> list[dict]:
    """What is wanted at the beginning."""

    def made(kind, specs):
        for name, spec in specs.items():
            namespace, _, name = name.rpartition("/")
            metadata = {"name": name, "namespace": namespace or NAMESPACE}
            yield {"apiVersion": "ecs-keeper.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": {"region": REGION, **spec}}

    def ids(*names):
        return {"targets": {"instanceIds": list(names)}}

    def interfaces(*names):
        return {"targets": {"networkInterfaceIds": list(names)}}

    def nodes(pool):
        return {"targets": {"nodes": {"matchLabels": {"pool": pool}}}}

    protections = {
        "web": {"targets": {"instanceTags": [{"key": "env", "value": "prod"}]}},
        "plain": ids("i-plain1"),
        "timer": ids("i-timer1"),
        "trial": {**ids("i-trial1"), "autoReleaseTime": "Cancel"},
        "depot": ids("i-depot1", "i-depot2", "i-depot3"),
        "closed": ids("i-closed1"),
        "rival": {**ids("i-web1"), "protection": "Disabled"},
        "lab": {**ids("i-lab1"), "mode": "Observe"},
        "lost": ids("i-nowhere1"),
        "fleet": {**ids("i-fleet1", "i-fleet2"), "scaleIn": "Protect"},
        "shrink": {**ids("i-shrink1"), "scaleIn": "Protect"},
        "workers": nodes("workers"),
        "drained": {**nodes("drained"), "nodeRemoval": "Lift"},
        "retiring": {**ids("i-retiring1"), "deletionPolicy": "Disable"},
        "foreign": {**ids("i-plain1"), "account": "other"},
        "tenant/guest": {**ids("i-guest1"), "exceptions": [_exception("i-guest1", _times(days=20))]},
        "elsewhere/stranger": ids("i-plain1"),
    }
    retentions = {
        "gateway": {"targets": {"instanceTags": [{"key": "service", "value": "gateway"}]}, "survivors": {"forgetAfter": "720h"}},
        "bound": {**interfaces("eni-bound1", "eni-free1"), "deletionPolicy": "Release"},
        "closed": interfaces("eni-closed1"),
        "lab": {**ids("i-lab1"), "mode": "Observe", "interfaceTypes": ["Primary"]},
        "lost": interfaces("eni-nowhere1"),
        "waiting": {**ids("i-plain1"), "reattach": [{"networkInterfaceId": "eni-plain1", "instanceId": "i-timer1"}]},
    }
    return [*made(PROTECTION, protections), *made(RETENTION, retentions)]


def _exception(instance: str, until: str) -> dict:
    return {"instanceId": instance, "until": until, "reason": "is replaced"}


# What each object says before anything happens to it, if something does.
AT_FIRST = {
    f"{PROTECTION} ecs-keeper/web": {"Protected=True/ProtectedWhereApplicable"},
    f"{PROTECTION} ecs-keeper/depot": {"Protected=True/AllProtected"},
    f"{PROTECTION} ecs-keeper/closed": {"Protected=True/AllProtected"},
    f"{PROTECTION} ecs-keeper/shrink": {"Protected=True/AllProtected"},
    f"{RETENTION} ecs-keeper/gateway": {"Retained=True/AllProtected"},
    f"{RETENTION} ecs-keeper/bound": {"Retained=True/AllProtected"},
    f"{RETENTION} ecs-keeper/closed": {"Retained=True/AllProtected"},
}

# What each object says in the end.
IN_THE_END = {
    f"{PROTECTION} ecs-keeper/web": {"Protected=True/ProtectedWhereApplicable", "instances.state=Gone", "instances.state=Left", "changes.id=i-web2"},
    f"{PROTECTION} ecs-keeper/plain": {"Protected=True/AllProtected"},
    f"{PROTECTION} ecs-keeper/timer": {"Protected=True/AllProtected", "AtRisk=True/RisksFound"},
    f"{PROTECTION} ecs-keeper/trial": {"Protected=True/AllProtected", "AtRisk=False/NoRisk"},
    f"{PROTECTION} ecs-keeper/depot": {"Protected=True/ProtectedButExceptions", *(f"exceptions.phase={it}" for it in ("InForce", "Expired", "NotSelected"))},
    f"{PROTECTION} ecs-keeper/closed": {"Protected=False/DisabledAsAsked", "acts.act=Disabled"},
    f"{PROTECTION} ecs-keeper/rival": {"Protected=False/Conflict", "Stalled=True/Conflict"},
    f"{PROTECTION} ecs-keeper/lab": {"Protected=False/Unprotected"},
    f"{PROTECTION} ecs-keeper/lost": {"Stalled=True/NotFound"},
    f"{PROTECTION} ecs-keeper/fleet": {"Protected=True/AllProtected", "scalingGroups.scalingGroupId=asg-fleet"},
    f"{PROTECTION} ecs-keeper/shrink": {"Protected=True/AllProtected", "acts.act=UnprotectScaleIn"},
    f"{PROTECTION} ecs-keeper/workers": {"Protected=True/AllProtected"},
    f"{PROTECTION} ecs-keeper/drained": {"lifted.phase=InForce"},
    f"{PROTECTION} ecs-keeper/retiring": {"Protected=True/AllProtected", "finalizers=ecs-keeper.io/deletion-policy"},
    f"{PROTECTION} ecs-keeper/foreign": {"Stalled=True/NotGranted"},
    f"{PROTECTION} tenant/guest": {"Protected=True/AllProtected", "exceptions.phase=Void"},
    f"{PROTECTION} elsewhere/stranger": {"Stalled=True/NotGranted"},
    f"{RETENTION} ecs-keeper/gateway": {
        *(f"networkInterfaces.phase={it}" for it in ("Available", "Reattached")),
        *(f"reattachments.phase={it}" for it in ("Attached", "Refused")),
        "availableEniIds=eni-gate1c",
    },
    f"{RETENTION} ecs-keeper/bound": {"retainedEniIds=eni-bound1", "networkInterfaces.phase=Gone", "finalizers=ecs-keeper.io/deletion-policy"},
    f"{RETENTION} ecs-keeper/closed": {"Retained=False/ReleasedAsAsked", "acts.act=Release"},
    f"{RETENTION} ecs-keeper/lab": {"Retained=False/Unprotected"},
    f"{RETENTION} ecs-keeper/lost": {"Stalled=True/NotFound"},
    f"{RETENTION} ecs-keeper/waiting": {"Retained=True/AllProtected", "reattachments.phase=Waiting"},
}


def facts(thing: dict) -> set[str]:
    """What an object says, a string for each word of it."""
    status = thing.get("status", {})
    found = {f"finalizers={name}" for name in thing["metadata"].get("finalizers", [])}
    if status.get("observedGeneration") != thing["metadata"]["generation"]:
        return found
    found |= {f"{each['type']}={each['status']}/{each['reason']}" for each in status.get("conditions", [])}
    for name, rows in status.items():
        if isinstance(rows, list) and name != "conditions":
            for row in rows:
                found |= {f"{name}.{key}={value}" for key, value in row.items()} if isinstance(row, dict) else {f"{name}={row}"}
    return found


class Story:
    """Tells it on an installation, while its operator runs."""

    def __init__(self, installation: Installation):
        self._installation = installation
        self._kubectl = installation.cluster.kubectl
        self._account = installation.account

    def tell(self) -> None:
        self._kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects()}))
        self._until_said(AT_FIRST)
        self._happen()
        self._until_said({f"{RETENTION} ecs-keeper/gateway": {f"availableEniIds=eni-gate1{letter}" for letter in "abc"}})
        attached = [{"networkInterfaceId": f"eni-gate1{letter}", "instanceId": to} for letter, to in (("b", "i-standin1"), ("c", "i-remote1"))]
        self._change("eniret/gateway", {"reattach": attached})
        self._until_said(IN_THE_END)

    def _happen(self) -> None:
        """What people and the cloud do."""
        exceptions = [_exception("i-depot1", _times(days=20)), _exception("i-depot2", _times(seconds=SHORT)), _exception("i-plain1", _times(days=20))]
        self._change("ecsprot/depot", {"exceptions": exceptions})
        self._change("ecsprot/closed", {"protection": "Disabled"})
        self._change("ecsprot/shrink", {"scaleIn": "Unprotect"})
        self._change("eniret/closed", {"retention": "Release"})
        self._account.release("i-gate1")
        self._account.ask("POST", "/instances/i-weblost/release", {"reason": "overdue"})
        self._account.ask("PATCH", "/instances/i-webleft", {"tags": {"env": None}})
        self._account.ask("DELETE", "/network-interfaces/eni-free1")
        self._account.console(INSTANCES.write, {"InstanceId": "i-web2", "DeletionProtection": "false"})

    def _change(self, name: str, spec: dict) -> None:
        self._kubectl("patch", name, f"--namespace={NAMESPACE}", "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def _until_said(self, wanted: dict[str, set[str]]) -> None:
        missing = {}

        def said():
            found = by_name(self._installation.objects())
            missing.clear()
            missing.update({name: lacks for name, facts_of in wanted.items() if (lacks := facts_of - facts(found[name]))})
            return not missing

        try:
            self._installation.eventually("each object says what it is to say", said)
        except Failed as error:
            found = by_name(self._installation.objects())
            told = "".join(f"\n  {name}: {sorted(lacks)}, but {sorted(facts(found[name]))}" for name, lacks in missing.items())
            raise Failed(f"{error} Missing are:{told}") from None

    def until_at_rest(self, key) -> None:
        """Waits until nothing changes any more for two sweeps."""

        def seen():
            return {name: each["metadata"]["resourceVersion"] for name, each in by_name(self._installation.objects()).items()}

        def rests():
            before = seen()
            self._installation.until_swept(key)
            return seen() == before

        self._installation.eventually("everything is at rest", rests)
