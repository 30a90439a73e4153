"""Releases: which network interfaces outlive an instance, and what they can become."""

from __future__ import annotations

from probe import NotAsked, probe
from resources import clock
from testbed import BOOT

KEPT = ("PrivateIpAddress", "SecurityGroupIds", "VSwitchId", "ZoneId", "MacAddress", "Tags")


@probe(
    "Which network interfaces outlive DeleteInstance, and what do they keep?",
    """The page on retention: with DeleteOnRelease false an interface is kept with its addresses and security groups, and a primary one
    becomes a secondary one.""",
)
def release_with_retained_interfaces(bed):
    instance_id = bed.instance("retaining")
    primary = bed.resources.adopt_primary(instance_id)
    kept, lost = bed.interface(), bed.interface()
    for interface_id in (kept, lost):
        bed.attach(interface_id, instance_id)
    yield "retaining the primary one", bed.retain(primary)
    yield "retaining a secondary one", bed.retain(kept)
    bed.retain(lost, on=False)
    bed.environment.wait_until(lambda: bed.flag(kept) is False and bed.flag(lost) is True, 60)
    before = {item["NetworkInterfaceId"]: item for item in bed.resources.interfaces([primary, kept])}
    yield "releasing the instance", bed.release(instance_id)
    for name, interface_id in (("primary", primary), ("secondary", kept)):
        bed.environment.wait_until(lambda: bed.status(interface_id) in ("Available", None), BOOT)
        found = bed.resources.interfaces([interface_id])
        yield f"the {name} one is", found[0]["Status"] if found else "gone"
        if found:
            yield f"the {name} one has become", found[0].get("Type")
            yield f"the {name} one has the flag", found[0].get("DeleteOnRelease")
            changed = {path for path in KEPT if found[0].get(path) != before[interface_id].get(path)}
            yield f"the {name} one has lost", changed
    yield "the one that was not retained is", bed.environment.wait_until(lambda: not bed.status(lost), BOOT) and "gone" or bed.status(lost)
    bed.survivor = primary if bed.resources.interfaces([primary]) else kept
    bed.discard(*({primary, kept, lost} - {bed.survivor}))


@probe(
    "Can a retained network interface become the primary one of a new instance?",
    "The page on retention: yes. The text of the SDK: an existing interface can only be a secondary one.",
)
def survivor_as_primary_interface(bed):
    if bed.survivor is None:
        instance_id = bed.instance("retaining")
        bed.survivor = bed.resources.adopt_primary(instance_id)
        yield "retaining the primary one", bed.retain(bed.survivor)
        bed.release(instance_id)
        bed.environment.wait_until(lambda: bed.status(bed.survivor) in ("Available", None), BOOT)
    if not bed.status(bed.survivor):
        yield "a retained interface", NotAsked("nothing outlived its instance")
        return
    given = {"NetworkInterface.1.NetworkInterfaceId": bed.survivor, "NetworkInterface.1.InstanceType": "Primary"}
    dry = bed.cloud.attempt("RunInstances", **bed.resources.instance(**given, DryRun=True))
    yield "a dry run of RunInstances", dry
    outcome = bed.cloud.attempt("RunInstances", **bed.resources.instance(**given))
    yield "RunInstances", outcome
    if not outcome.accepted:
        bed.discard(bed.survivor)
        return
    (instance_id,) = outcome.body["InstanceIdSets"]["InstanceIdSet"]
    bed.cloud.made.add(instance_id)
    bed.wait_for_status(instance_id, "Running")
    (item,) = bed.resources.interfaces([bed.survivor])
    yield "the interface is", f"{item['Type']}, {item['Status']}"
    yield "its flag", item.get("DeleteOnRelease")
    bed.release(instance_id)
    bed.environment.wait_until(lambda: bed.status(bed.survivor) in ("Available", None), BOOT)
    yield "after the release it is", bed.status(bed.survivor)
    if bed.status(bed.survivor):
        bed.discard(bed.survivor)
    bed.survivor = None


@probe(
    "With which codes do operations answer that name an instance which is gone?",
    """The pages: InvalidInstanceId.NotFound with 404, and with 403 from AttachNetworkInterface; NoSuchResource from
    ModifyInstanceAutoReleaseTime; InvalidEcsId.NotFound.""",
)
def instance_that_is_gone(bed):
    instance_id = bed.gone()
    bed.instance()
    interface_id = bed.interface()
    yield "ModifyInstanceAttribute", bed.protect(instance_id)
    yield "ModifyInstanceAutoReleaseTime", bed.auto_release(instance_id)
    yield "DeleteInstance", bed.cloud.attempt("DeleteInstance", InstanceId=instance_id, Force=True)
    call = {**bed.region, "NetworkInterfaceId": interface_id, "InstanceId": instance_id}
    yield "AttachNetworkInterface", bed.cloud.attempt("AttachNetworkInterface", **call)
    yield "DetachNetworkInterface", bed.cloud.attempt("DetachNetworkInterface", **call)
    bed.discard(interface_id)


@probe(
    """Does an automatic release happen although release protection is on, and are retained network interfaces kept?""",
    """The page on release protection: it does not stop an automatic release. The page on retention does not say for which releases it
    holds.""",
    slow=True,
)
def automatic_release_with_retained_interfaces(bed):
    instance_id = bed.instance("automatic")
    primary = bed.resources.adopt_primary(instance_id)
    other = bed.interface()
    bed.attach(other, instance_id)
    retained = {"primary": bed.retain(primary), "secondary": bed.retain(other)}
    for kind, outcome in retained.items():
        yield f"retaining the {kind} interface", outcome
    yield "release protection", bed.protect(instance_id)
    yield "an automatic release in 33 minutes", bed.auto_release(instance_id, AutoReleaseTime=clock(minutes=33))
    bed.environment.wait(34 * 60)
    gone = bed.environment.wait_until(lambda: not bed.resources.instances([instance_id]), 15 * 60, every=30)
    yield "the instance, whose release protection is on", "is released" if gone else "lives on"
    if not gone:
        return
    bed.forget(instance_id)
    for kind, interface_id in (("primary", primary), ("secondary", other)):
        if retained[kind].accepted:
            bed.environment.wait_until(lambda: bed.status(interface_id) in ("Available", None), BOOT)
            yield f"its retained {kind} interface", "is kept" if bed.status(interface_id) else "is gone"
