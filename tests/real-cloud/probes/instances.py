"""Instances: release protection, and what DescribeInstances shows."""

from __future__ import annotations

import json

from cloud import ACCEPTED
from probe import NotAsked, probe
from testbed import made_up

from .shapes import shapes


@probe(
    "Can release protection be switched on while an instance is Pending?",
    "The page of ModifyInstanceAttribute lists IncorrectInstanceStatus, and does not say for which status.",
)
def protection_while_pending(bed):
    instance_id = bed.newborn()
    outcome = bed.protect(instance_id)
    # What was there before the call may not be there any more during it.
    status = next((item["Status"] for item in bed.resources.instances([instance_id])), None)
    if status == "Pending":
        yield "switching it on", outcome
    else:
        yield "switching it on", NotAsked(f"the instance was {status or 'not shown'} a moment later")
    bed.wait_for_status(instance_id, "Running")
    yield "the flag, once the instance runs", bed.is_protected(instance_id)
    bed.protect(instance_id, on=False)


@probe(
    "Does DescribeInstances show a change of release protection in the read that follows it?",
    "No page says how consistent DescribeInstances is.",
)
def protection_is_visible(bed):
    instance_id = bed.instance()
    yield "switching it on", bed.protect(instance_id)
    yield from bed.visible(lambda: bed.is_protected(instance_id) is True)
    yield "switching it off", bed.protect(instance_id, on=False)
    yield "the flag afterwards", bed.environment.wait_until(lambda: bed.is_protected(instance_id) is False, 60) is False


@probe(
    "Is release protection accepted that is there already?",
    "The page of ModifyInstanceAttribute does not mention it as an error.",
)
def protection_again(bed):
    instance_id = bed.instance()
    for turn in ("first", "second"):
        yield f"switching it on for the {turn} time", bed.protect(instance_id)
    for turn in ("first", "second"):
        yield f"switching it off for the {turn} time", bed.protect(instance_id, on=False)


@probe(
    "Does release protection stop DeleteInstance and DeleteInstances, and with which code?",
    """The pages of both and the page on release protection: 403 InvalidOperation.DeletionProtection. An older page of DeleteInstances has
    InvalidParameter with HTTP 500.""",
)
def release_of_a_protected_instance(bed):
    instance_id = bed.instance()
    yield "switching protection on", bed.protect(instance_id)
    bed.environment.wait_until(lambda: bed.is_protected(instance_id) is True, 60)
    yield "DeleteInstance", bed.cloud.attempt("DeleteInstance", InstanceId=instance_id, Force=True)
    yield "DeleteInstances", bed.cloud.attempt("DeleteInstances", **bed.region, InstanceId=[instance_id], Force=True)
    yield "the instance is still there", bool(bed.resources.instances([instance_id]))
    bed.protect(instance_id, on=False)


@probe(
    "Does a dry run of a release report release protection?",
    "The page of DeleteInstance lists what a dry run checks; protection is not in the list.",
)
def dry_run_of_a_release(bed):
    instance_id = bed.instance()
    for state, on in (("protected", True), ("unprotected", False)):
        bed.protect(instance_id, on)
        bed.environment.wait_until(lambda: bed.is_protected(instance_id) is on, 60)
        yield f"DeleteInstance, {state}", bed.cloud.attempt("DeleteInstance", InstanceId=instance_id, Force=True, DryRun=True)
        if not bed.resources.instances([instance_id]):
            yield "the dry run", "has released the instance"
            bed.forget(instance_id)
            return
    many = bed.cloud.attempt("DeleteInstances", **bed.region, InstanceId=[instance_id], Force=True, DryRun=True)
    yield "DeleteInstances, unprotected", many
    yield "the instance is still there", bool(bed.resources.instances([instance_id]))


@probe(
    "What is answered where a spot or a subscription instance is to be made with release protection?",
    "The page of RunInstances: 403 InvalidChargeType.ValueNotSupported. Whether a dry run checks it is not said.",
)
def protection_of_other_charge_types(bed):
    for name, parameters in (
        ("spot", {"SpotStrategy": "SpotAsPriceGo"}),
        ("subscription", {"InstanceChargeType": "PrePaid", "Period": 1, "PeriodUnit": "Month", "AutoReleaseTime": None}),
    ):
        network = {"VSwitchId": bed.environment.v_switch, "SecurityGroupId": bed.environment.security_group}
        dry = {**bed.resources.instance(**network), **parameters, "DeletionProtection": True, "DryRun": True}
        yield f"a dry run of RunInstances, {name}", bed.cloud.attempt("RunInstances", **dry)


@probe(
    "What does the endpoint of another region say of an instance, and does a RegionId make a difference?",
    "ModifyInstanceAttribute has no parameter RegionId. The vendor's own template for OOS sends one all the same.",
)
def endpoint_of_another_region(bed):
    instance_id = bed.instance()
    elsewhere = bed.environment.elsewhere
    call = {"InstanceId": instance_id, "DeletionProtection": True}
    yield "at the endpoint of another region", bed.cloud.attempt("ModifyInstanceAttribute", region=elsewhere, **call)
    yield "the flag afterwards", bed.is_protected(instance_id)
    there = bed.cloud.attempt("ModifyInstanceAttribute", region=elsewhere, **bed.region, **call)
    yield "the same with the RegionId of the instance", there
    yield "the flag after that", bed.is_protected(instance_id)
    here = bed.cloud.attempt("ModifyInstanceAttribute", RegionId=elsewhere, **call)
    yield "at its own endpoint, with the RegionId of another region", here
    bed.protect(instance_id, on=False)


@probe(
    "Does DescribeInstances leave out ids that it does not know?",
    "Terraform's provider and the vendor's cloud controller count on it; the page does not say it.",
)
def unknown_instances(bed):
    instance_id = bed.instance()
    ids = json.dumps([instance_id, made_up("i")])
    outcome = bed.cloud.attempt("DescribeInstances", **bed.region, InstanceIds=ids, MaxResults=100)
    yield "asking for one that is there and one that is not", outcome
    if outcome.text == ACCEPTED:
        yield "how many are shown", len(outcome.body["Instances"]["Instance"])


@probe(
    "With which code are more than a hundred ids refused, and what is in a refusal?",
    "The pages of DescribeInstances and DescribeNetworkInterfaces: up to 100 ids. The code is not said. The page on errors shows a refusal.",
)
def more_than_a_hundred_ids(bed):
    ids = [made_up("i") for _ in range(101)]
    refusal = bed.cloud.attempt("DescribeInstances", **bed.region, InstanceIds=json.dumps(ids), MaxResults=100)
    yield "DescribeInstances", refusal
    if not refusal.accepted:
        yield "members of its refusal", set(refusal.body)
    ids = [made_up("eni") for _ in range(101)]
    yield "DescribeNetworkInterfaces", bed.cloud.attempt("DescribeNetworkInterfaces", **bed.region, NetworkInterfaceId=ids, MaxResults=100)


@probe(
    "How does DescribeInstances write what ecs-keeper reads?",
    "The page of DescribeInstances, and samples of older answers.",
)
def shape_of_an_instance(bed):
    instance_id = bed.instance()
    body = bed.cloud.call("DescribeInstances", **bed.region, InstanceIds=json.dumps([instance_id]), MaxResults=100)
    yield "NextToken", "an empty text" if body.get("NextToken") == "" else "missing" if "NextToken" not in body else "a text"
    (item,) = body["Instances"]["Instance"]
    yield from shapes(
        item,
        "DeletionProtection",
        "AutoReleaseTime",
        "CreationTime",
        "ExpiredTime",
        "InstanceChargeType",
        "SpotStrategy",
        "Status",
        "OperationLocks.LockReason",
        "Tags.Tag",
        "NetworkInterfaces.NetworkInterface",
        "ZoneId",
        "VpcAttributes.VpcId",
    )
    yield "InstanceChargeType says", item.get("InstanceChargeType")
    yield "SpotStrategy says", item.get("SpotStrategy")
    (primary,) = item["NetworkInterfaces"]["NetworkInterface"]
    yield "Type of its network interface", primary.get("Type")
    yield "tags of the instance bear the names", {name for tag in item["Tags"]["Tag"] for name in tag}


@probe(
    "Are the tags of a new instance those of its primary network interface, too?",
    "The page of RunInstances: the tags are those of the instance, its disks and its primary network interface.",
)
def tags_of_a_new_instance(bed):
    instance_id = bed.instance()
    answer = bed.cloud.call("DescribeNetworkInterfaces", **bed.region, InstanceId=instance_id, MaxResults=100)
    interfaces = answer["NetworkInterfaceSets"]["NetworkInterfaceSet"]
    yield "how many network interfaces it has", len(interfaces)
    marks = [tag["TagKey"] for item in interfaces for tag in (item.get("Tags") or {}).get("Tag", [])]
    yield "the interface has the tag", bed.cloud.tags[0]["Key"] in marks


