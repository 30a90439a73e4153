"""Auto Scaling: protection from scale-in, and what is released although an instance is protected."""

from __future__ import annotations

from cloud import ACCEPTED
from probe import probe
from testbed import BOOT, SCALING, made_up

from .shapes import shapes


@probe(
    "Does DescribeScalingInstances show protection from scale-in in the next read, and is it accepted twice?",
    "The page of SetInstancesProtection says neither.",
)
def scale_in_protection(bed):
    group, instance_id = bed.group(), bed.instance()
    yield "protecting it", bed.protect_from_scale_in(group, instance_id)
    yield from bed.visible(lambda: bed.state(group, instance_id) == "Protected")
    yield "protecting it once more", bed.protect_from_scale_in(group, instance_id)
    yield "giving it up", bed.protect_from_scale_in(group, instance_id, on=False)
    bed.environment.wait_until(lambda: bed.state(group, instance_id) != "Protected", 60)
    yield "its state in the end", bed.state(group, instance_id)


@probe(
    "Does one id that is not in the group fail the whole of SetInstancesProtection?",
    "The page lists 404 InvalidInstanceId.NotFound, and does not say what becomes of the others.",
)
def scale_in_protection_with_a_bad_id(bed):
    group, member = bed.group(), bed.instance()
    stranger = bed.instance("second")
    yield "a member and another instance", bed.protect_from_scale_in(group, member, stranger)
    bed.environment.wait(3)
    yield "the member is", bed.state(group, member)
    bed.protect_from_scale_in(group, member, on=False)


@probe(
    "Can a member on standby be protected from scale-in, and a protected one be put on standby?",
    "No page says it.",
)
def scale_in_protection_and_standby(bed):
    group, member = bed.group(), bed.instance()
    call = {"ScalingGroupId": group, "InstanceIds": [member]}
    yield "EnterStandby", bed.cloud.attempt("EnterStandby", **call)
    bed.wait_for_state(group, member, "Standby")
    yield "protecting it on standby", bed.protect_from_scale_in(group, member)
    bed.environment.wait(3)
    yield "its state then", bed.state(group, member)
    if bed.state(group, member) == "Protected":
        bed.protect_from_scale_in(group, member, on=False)
    else:
        yield "ExitStandby", bed.cloud.attempt("ExitStandby", **bed.region, **call)
    bed.wait_for_state(group, member, "InService")
    bed.protect_from_scale_in(group, member)
    bed.wait_for_state(group, member, "Protected")
    outcome = bed.cloud.attempt("EnterStandby", **call)
    yield "EnterStandby while it is protected", outcome
    if outcome.accepted:
        bed.wait_for_state(group, member, "Standby")
        bed.cloud.call("ExitStandby", **bed.region, **call)
        bed.wait_for_state(group, member, "InService")
    bed.protect_from_scale_in(group, member, on=False)


@probe(
    "How many ids does DescribeScalingInstances take, and does it pass over the name of the older version?",
    """The page gives no number; other lists of the product end at 20. InstanceId.N is the name in version 2014-08-28, and a name that an
    operation does not have is passed over.""",
)
def ids_of_scaling_instances(bed):
    group, member = bed.group(), bed.instance()
    for count in (20, 21):
        ids = [member, *(made_up("i") for _ in range(count - 1))]
        outcome = bed.cloud.attempt("DescribeScalingInstances", **bed.region, ScalingGroupId=group, InstanceIds=ids, PageSize=100)
        yield f"{count} ids", outcome
        if outcome.text == ACCEPTED:
            yield f"members that {count} ids show", len(outcome.body["ScalingInstances"])
    older = {"ScalingGroupId": group, "InstanceId": [made_up("i")]}
    outcome = bed.cloud.attempt("DescribeScalingInstances", **bed.region, **older)
    yield "an unknown id under the older name", outcome
    if outcome.text == ACCEPTED:
        yield "members that it shows", len(outcome.body["ScalingInstances"])


@probe(
    "How does Auto Scaling write what ecs-keeper reads?",
    "The models of the SDK for version 2022-02-22: lists are not wrapped.",
)
def shape_of_a_member(bed):
    group, member = bed.group(), bed.instance()
    body = bed.cloud.call("DescribeScalingInstances", **bed.region, InstanceIds=[member], PageSize=100)
    yield from shapes(body, "ScalingInstances", "TotalCount", "PageNumber", "PageSize")
    (item,) = body["ScalingInstances"]
    yield from shapes(item, "InstanceId", "ScalingGroupId", "LifecycleState", "HealthStatus", "CreationType", "Entrusted")
    yield "LifecycleState says", item.get("LifecycleState")
    yield "CreationType says", item.get("CreationType")
    (instance,) = bed.resources.instances([member])
    tags = {tag["TagKey"]: tag["TagValue"] for tag in instance["Tags"]["Tag"]}
    yield "the instance has the tag acs:autoscaling:scalingGroupId", tags.get("acs:autoscaling:scalingGroupId") == group


@probe(
    "Does RemoveInstances take out a member that is protected from scale-in?",
    "Pages of 2022: yes. An older page: the protection has to be lifted first.",
)
def removal_of_a_protected_member(bed):
    group, member = bed.group(), bed.instance()
    bed.protect_from_scale_in(group, member)
    bed.wait_for_state(group, member, "Protected")
    outcome = bed.cloud.attempt("RemoveInstances", **bed.region, ScalingGroupId=group, InstanceIds=[member])
    yield "RemoveInstances", outcome
    if outcome.accepted:
        bed.wait_for_state(group, member, None)
        yield "the instance that somebody had added", "lives on" if bed.resources.instances([member]) else "is released"
        bed.join(group, bed.instance())
    else:
        bed.protect_from_scale_in(group, member, on=False)


@probe(
    """Is an instance that was handed to a scaling group released on scale-in although its release protection is on, and are its retained
    network interfaces kept?""",
    """The page on release protection: instances that Auto Scaling has created are released all the same; of entrusted ones it says nothing.
    The page on retention does not say for which releases it holds.""",
)
def scale_in_of_a_protected_instance(bed):
    group, first = bed.group(), bed.instance()
    bed.protect_from_scale_in(group, first)
    second = bed.instance("second")
    primary = bed.resources.adopt_primary(second)
    other = bed.interface()
    bed.attach(other, second)
    retained = {"primary": bed.retain(primary), "secondary": bed.retain(other)}
    for kind, outcome in retained.items():
        yield f"retaining the {kind} interface", outcome
    bed.join(group, second, Entrusted=True)
    yield "release protection", bed.protect(second)
    yield "protection from scale-in", bed.protect_from_scale_in(group, second)
    bed.wait_for_state(group, second, "Protected")
    # From two members to one at most, and then to none: both are protected first.
    yield "a smaller size", bed.cloud.attempt("ModifyScalingGroup", ScalingGroupId=group, MaxSize=1)
    bed.environment.wait(30)
    yield "while both members are protected, the second is", bed.state(group, second) or "out of the group"
    bed.protect_from_scale_in(group, second, on=False)
    if bed.state(group, second) == "InService":
        # A size that is smaller again has the group look again.
        bed.cloud.attempt("ModifyScalingGroup", ScalingGroupId=group, MaxSize=0)
    out = bed.environment.wait_until(lambda: bed.state(group, second) is None, SCALING)
    yield "without that, the second goes", bool(out)
    gone = bed.environment.wait_until(lambda: not bed.resources.instances([second]), 60 if out else 0)
    yield "its instance, whose release protection is on", "is released" if gone else "lives on"
    if gone:
        bed.forget(second)
        for kind, interface_id in (("primary", primary), ("secondary", other)):
            if retained[kind].accepted:
                status = bed.environment.wait_until(lambda: bed.status(interface_id) in ("Available", None), BOOT)
                yield f"its retained {kind} interface", ("is kept" if bed.status(interface_id) else "is gone") if status else "hangs"
    yield "the first, which is protected from scale-in, is", bed.state(group, first) or "out of the group"
    bed.protect(second, on=False)


@probe(
    "What becomes of a protected member when its scaling group is deleted with force?",
    "The page of DeleteScalingGroup: instances that were added are taken out. Of protected ones it says nothing.",
)
def deletion_of_a_group_with_a_protected_member(bed):
    group, member = bed.group(), bed.instance()
    if bed.state(group, member) != "Protected":
        bed.protect_from_scale_in(group, member)
    bed.wait_for_state(group, member, "Protected")
    yield "DeleteScalingGroup with ForceDelete", bed.cloud.attempt("DeleteScalingGroup", **bed.region, ScalingGroupId=group, ForceDelete=True)
    yield "the group is gone", bed.environment.wait_until(lambda: not bed.resources.find().groups, SCALING)
    yield "the instance that somebody had added", "lives on" if bed.resources.instances([member]) else "is released"
    bed.ungroup()
