"""How the cloud can differ from the simulator: at least one way for each probe, which has to find it."""

from __future__ import annotations

from bent import Bend


def error(code: str, status: int) -> dict:
    return {"kind": "error", "code": code, "status": status}


def odd(path: str, value=None) -> dict:
    """A member that is something else, or that is not there."""
    return {"kind": "oddField", "path": path, "remove": True} if value is None else {"kind": "oddField", "path": path, "value": value}


def answers(body: str) -> dict:
    return {"kind": "answer", "status": 200, "contentType": "application/json", "body": body}


IGNORE = {"kind": "ignore"}
LATE = {"kind": "delay", "reads": 2}
DISABLED = "LTAI5tNobodyHasThisKey00"


def key_that_is_disabled(environment, _query) -> None:
    key = {"accessKeyId": DISABLED, "accessKeySecret": "x", "disabled": True}
    environment.control("POST", f"/accounts/{environment.account}/keys", key)


def member_is_protected(environment, query) -> None:
    change = {"lifecycleState": "Protected"}
    environment.control("PATCH", f"/accounts/{environment.account}/scaling-members/{query['InstanceIds.1']}", change)


def flag_as_a_boolean(_query, body):
    for event in body["Events"]:
        parameters = event.get("requestParameters", {})
        if "DeletionProtection" in parameters:
            parameters["DeletionProtection"] = parameters["DeletionProtection"] == "true"
    return body


def few_without_a_size(query, body):
    return body if "MaxResults" in query else {**body, "Events": body["Events"][:5]}


def only_the_first_condition(query, body):
    if query.get("LookupAttribute.1.Key") != "EventName":
        return body
    return {**body, "Events": [event for event in body["Events"] if event["eventName"] == query["LookupAttribute.1.Value"]]}


class OneOfSeveral:
    """ResourceName finds an event by one of several ids."""

    def __init__(self):
        self.seen = []

    def __call__(self, query, body):
        self.seen += body["Events"]
        if query.get("LookupAttribute.1.Key") != "ResourceName":
            return body
        wanted = query["LookupAttribute.1.Value"]
        return {**body, "Events": [event for event in self.seen if wanted in event["resourceName"].split(",")]}


BENDS = [
    # Instances
    Bend("protection-while-pending", "switching it on", "ModifyInstanceAttribute", error("OperationDenied", 403)),
    Bend("protection-is-visible", "when the change is shown", "ModifyInstanceAttribute", LATE),
    Bend("protection-is-visible", "when the change is shown", "ModifyInstanceAttribute", IGNORE),
    Bend("protection-again", "switching it on for the second time", "ModifyInstanceAttribute", error("IncorrectInstanceStatus", 403), nth=2),
    Bend("protection-again", "switching it off for the second time", "ModifyInstanceAttribute", error("IncorrectInstanceStatus", 403), nth=4),
    Bend("release-of-a-protected-instance", "DeleteInstance", "DeleteInstance", error("OperationDenied", 403)),
    Bend("release-of-a-protected-instance", "DeleteInstances", "DeleteInstances", error("InvalidParameter", 500)),
    Bend("release-of-a-protected-instance", "the instance is still there", "ModifyInstanceAttribute", IGNORE),
    Bend("dry-run-of-a-release", "DeleteInstance, protected", "DeleteInstance", error("InvalidOperation.DeletionProtection", 403)),
    Bend("dry-run-of-a-release", "DeleteInstances, unprotected", "DeleteInstances", error("DryRunOperation", 400)),
    Bend("protection-of-other-charge-types", "a dry run of RunInstances, spot", "RunInstances", error("DryRunOperation", 400)),
    Bend("protection-of-other-charge-types", "a dry run of RunInstances, subscription", "RunInstances", error("DryRunOperation", 400), nth=2),
    Bend(
        "endpoint-of-another-region",
        "at the endpoint of another region",
        "ModifyInstanceAttribute",
        error("InvalidOperation.InvalidRegion", 403),
    ),
    Bend("unknown-instances", "asking for one that is there and one that is not", "DescribeInstances", error("InvalidInstanceId.NotFound", 404), when="nothing"),
    Bend("more-than-a-hundred-ids", "DescribeInstances", "DescribeInstances", error("InvalidParameter", 400)),
    Bend("more-than-a-hundred-ids", "DescribeNetworkInterfaces", "DescribeNetworkInterfaces", answers('{"NetworkInterfaceSets": {}}')),
    Bend(
        "more-than-a-hundred-ids",
        "members of its refusal",
        "DescribeInstances",
        {"kind": "answer", "status": 403, "contentType": "application/json", "body": '{"Code": "InvalidInstanceIds.Malformed", "Message": ""}'},
    ),
    Bend("shape-of-an-instance", "AutoReleaseTime", "DescribeInstances", odd("AutoReleaseTime", ""), always=True),
    Bend("shape-of-an-instance", "OperationLocks.LockReason", "DescribeInstances", odd("OperationLocks"), always=True),
    Bend("shape-of-an-instance", "DeletionProtection", "DescribeInstances", odd("DeletionProtection", "false"), always=True),
    Bend("tags-of-a-new-instance", "the interface has the tag", "DescribeNetworkInterfaces", odd("Tags"), always=True),
    # Automatic release
    Bend("automatic-release-is-shown", "how it is shown", "DescribeInstances", odd("AutoReleaseTime", "2026-12-01T12:00:00Z"), always=True),
    Bend("automatic-release-is-shown", "its minute", "ModifyInstanceAutoReleaseTime", IGNORE),
    Bend("automatic-release-is-cancelled", "shown afterwards", "ModifyInstanceAutoReleaseTime", IGNORE),
    Bend("automatic-release-is-cancelled", "leaving it out once more", "ModifyInstanceAutoReleaseTime", error("UnsupportedParameter", 400), nth=2),
    Bend("automatic-release-that-is-empty", "an empty value", "ModifyInstanceAutoReleaseTime", error("InvalidAutoReleaseTime.Malformed", 400)),
    Bend("automatic-release-that-is-empty", "shown afterwards", "ModifyInstanceAutoReleaseTime", IGNORE),
    Bend("automatic-release-that-is-early", "in ten minutes", "ModifyInstanceAutoReleaseTime", error("InvalidParameter", 400)),
    # Network interfaces
    Bend("flag-of-a-new-interface", "nothing was said", "DescribeNetworkInterfaces", odd("DeleteOnRelease", False), always=True),
    Bend("flag-of-a-new-interface", "nothing was said", "DescribeNetworkInterfaces", odd("DeleteOnRelease"), always=True),
    Bend("flag-of-a-free-interface", "retaining it", "ModifyNetworkInterfaceAttribute", error("InvalidOperation.InvalidEniState", 400)),
    Bend("flag-of-a-free-interface", "when the change is shown", "ModifyNetworkInterfaceAttribute", LATE),
    Bend("client-token-with-other-parameters", "the token with another name", "CreateNetworkInterface", error("IdempotentParameterMismatch", 400), nth=3),
    Bend("flag-while-attaching", "the first read shows", settings={"transitionMillis": 0}),
    Bend("flag-while-attaching", "in the end it is", "AttachNetworkInterface", {"kind": "failLater"}),
    Bend("flag-while-attaching", "retaining it meanwhile", "ModifyNetworkInterfaceAttribute", error("InvalidEniState", 403)),
    Bend("flag-survives-attaching", "false: attached again", settings={"flagSurvivesReattach": True}),
    Bend("attaching-again", "attaching it again", "AttachNetworkInterface", error("OperationConflict", 409), nth=2),
    Bend("attaching-again", "detaching it again", "DetachNetworkInterface", error("InvalidOperation.InvalidEniState", 400), nth=2),
    Bend("detaching-a-primary-interface", "detaching it", "DetachNetworkInterface", error("InvalidOperation.InvalidEniType", 403)),
    Bend("flag-of-a-primary-interface", "retaining it", "ModifyNetworkInterfaceAttribute", error("InvalidOperation.InvalidEniType", 403)),
    Bend("flag-of-a-primary-interface", "the flag afterwards", "ModifyNetworkInterfaceAttribute", IGNORE),
    Bend("unknown-interfaces", "asking for one that is there and one that is not", settings={"refuseUnknownInterfaces": True}),
    Bend("shape-of-an-interface", "free: InstanceId", "DescribeNetworkInterfaces", odd("InstanceId"), always=True),
    Bend("shape-of-an-interface", "primary: DeleteOnRelease", "DescribeNetworkInterfaces", odd("DeleteOnRelease", "true"), always=True),
    Bend("deleting-a-gone-interface", "deleting it", "DeleteNetworkInterface", error("InvalidEniId.NotFound", 403), nth=2),
    # Auto Scaling
    Bend("scale-in-protection", "when the change is shown", "SetInstancesProtection", LATE),
    Bend("scale-in-protection", "protecting it once more", "SetInstancesProtection", error("IncorrectInstanceStatus", 400), nth=2),
    Bend("scale-in-protection-with-a-bad-id", "a member and another instance", "SetInstancesProtection", error("InvalidInstanceIds.NotFound", 404)),
    Bend("scale-in-protection-with-a-bad-id", "the member is", "SetInstancesProtection", before=member_is_protected),
    Bend("scale-in-protection-and-standby", "protecting it on standby", "SetInstancesProtection", error("InvalidOperation.Conflict", 400)),
    Bend("scale-in-protection-and-standby", "EnterStandby while it is protected", "EnterStandby", error("InvalidOperation.Conflict", 400), nth=2),
    Bend("ids-of-scaling-instances", "21 ids", "DescribeScalingInstances", answers('{"ScalingInstances": []}'), when="InstanceIds.21"),
    Bend("ids-of-scaling-instances", "members that it shows", "DescribeScalingInstances", answers('{"ScalingInstances": []}'), when="InstanceId.1"),
    Bend("shape-of-a-member", "Entrusted", "DescribeScalingInstances", odd("Entrusted"), always=True),
    Bend("removal-of-a-protected-member", "RemoveInstances", "RemoveInstances", error("IncorrectInstanceStatus", 400)),
    Bend("scale-in-of-a-protected-instance", "its retained primary interface", settings={"retentionAlsoOn": ["scalingGroup"]}),
    Bend("scale-in-of-a-protected-instance", "without that, the second goes", "ModifyScalingGroup", IGNORE, nth=2),
    Bend("scale-in-of-a-protected-instance", "while both members are protected, the second is", "SetInstancesProtection", IGNORE, nth=2),
    Bend("deletion-of-a-group-with-a-protected-member", "DeleteScalingGroup with ForceDelete", "DeleteScalingGroup", error("IncorrectScalingGroupStatus", 400)),
    # Releases
    Bend("release-with-retained-interfaces", "the primary one is", "ModifyNetworkInterfaceAttribute", IGNORE),
    Bend("release-with-retained-interfaces", "the secondary one is", "ModifyNetworkInterfaceAttribute", IGNORE, nth=2),
    Bend("release-with-retained-interfaces", "the primary one has become", "DescribeNetworkInterfaces", odd("Type", "Primary"), always=True),
    Bend("survivor-as-primary-interface", "RunInstances", settings={"refuseExistingPrimary": True}),
    Bend("instance-that-is-gone", "ModifyInstanceAutoReleaseTime", "ModifyInstanceAutoReleaseTime", error("InvalidInstanceId.NotFound", 404)),
    Bend("instance-that-is-gone", "AttachNetworkInterface", "AttachNetworkInterface", error("InvalidInstanceId.NotFound", 403)),
    Bend("automatic-release-with-retained-interfaces", "its retained secondary interface", settings={"retentionAlsoOn": ["autoRelease"]}),
    # ActionTrail
    Bend("event-of-a-change", "requestParameters.DeletionProtection is", "LookupEvents", twist=flag_as_a_boolean),
    Bend("event-of-a-change", "the event has the RequestId of the call", settings={"trailDelaySeconds": 100_000}),
    Bend("event-of-several-resources", "it finds the event", "LookupEvents", twist=OneOfSeveral()),
    Bend("span-of-a-look-up", "29 days", "LookupEvents", error("TimeRangeExceeded", 400)),
    Bend("span-of-a-look-up", "32 days", "LookupEvents", answers('{"Events": []}'), nth=2),
    Bend("conditions-of-a-look-up", "an unknown key", "LookupEvents", answers('{"Events": []}')),
    Bend("conditions-of-a-look-up", "what counts of it", "LookupEvents", twist=only_the_first_condition),
    Bend("page-of-a-look-up", "how many come", "LookupEvents", twist=few_without_a_size),
    # Credentials
    Bend("wrong-credentials", "an unknown key", before=key_that_is_disabled),
]
