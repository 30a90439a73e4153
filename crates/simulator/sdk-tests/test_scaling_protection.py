"""SetInstancesProtection: which members are kept from scale-in, and what keeps nobody."""

import time

import pytest
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions
from members import GROUP, added, made


def test_a_member_is_protected_and_given_up(account):
    account.seed_group(made("i-a"), scalingGroupId=GROUP)
    assert account.keep(GROUP, "i-a").request_id
    assert account.member("i-a").lifecycle_state == "Protected"
    account.keep(GROUP, "i-a", protected=False)
    assert account.member("i-a").lifecycle_state == "InService"


def test_the_sdks_spelling_arrives_and_there_is_no_region(account):
    account.seed_group(made("i-a"), made("i-b"), scalingGroupId=GROUP)
    account.keep(GROUP, "i-a", "i-b")
    (entry,) = account.log("SetInstancesProtection")
    assert entry["parameters"] == {
        "ScalingGroupId": GROUP,
        "InstanceIds.1": "i-a",
        "InstanceIds.2": "i-b",
        "ProtectedFromScaleIn": "True",
    }
    assert (entry["code"], entry["mutated"]) == ("OK", True)


def test_a_value_that_stands_already_is_set_again_without_an_error(account):
    account.seed_group({**made("i-a"), "lifecycleState": "Protected"}, scalingGroupId=GROUP)
    account.keep(GROUP, "i-a")
    (entry,) = account.log("SetInstancesProtection")
    assert entry["mutated"] is False


def test_twenty_instances_at_most_and_one_at_least(account, refused):
    account.seed_group(made("i-m", 21), scalingGroupId=GROUP)
    ids = account.member_ids(page_size=100)
    account.keep(GROUP, *ids[:20])
    assert account.member_ids(lifecycle_states=["Protected"], page_size=100) == ids[:20]
    with refused("InvalidParameter", 400):
        account.keep(GROUP, *ids)
    with refused("MissingParameter", 400):
        account.keep(GROUP)


@pytest.mark.parametrize("protected", [True, False])
def test_one_bad_id_fails_the_whole_call(account, refused, protected):
    account.seed_group(made("i-a"), scalingGroupId=GROUP)
    account.seed_group(made("i-other"), scalingGroupId="asg-b")
    account.seed(instanceId="i-free")
    for bad in ("i-unknown", "i-other", "i-free"):
        with refused("InvalidInstanceId.NotFound", 404):
            account.keep(GROUP, "i-a", bad, protected=protected)
    assert account.member("i-a").lifecycle_state == "InService"


def test_an_unknown_group_and_a_foreign_one_look_the_same(account, other_account, refused):
    other_account.seed_group(made("i-a"), scalingGroupId="asg-foreign")
    for group_id in ("asg-unknown", "asg-foreign"):
        with refused("InvalidScalingGroupId.NotFound", 404):
            account.keep(group_id, "i-a")


@pytest.mark.parametrize("state", ["Inactive", "Deleting"])
def test_the_group_has_to_be_active(account, refused, state):
    account.seed_group(made("i-a"), scalingGroupId=GROUP, lifecycleState=state)
    with refused("IncorrectScalingGroupStatus", 400):
        account.keep(GROUP, "i-a")


@pytest.mark.parametrize("state", ["Pending", "Pending:Wait", "Standby", "Stopped", "Removing", "Removing:Wait"])
def test_only_what_has_settled_can_be_protected(account, refused, state):
    account.seed_group(made("i-a"), {**made("i-b"), "lifecycleState": state}, scalingGroupId=GROUP)
    with refused("IncorrectInstanceStatus", 400):
        account.keep(GROUP, "i-a", "i-b")
    assert [item.lifecycle_state for item in account.members().scaling_instances] == ["InService", state]


def test_the_endpoint_alone_decides_the_region(account, settings, refused):
    account.seed_group(made("i-a"), scalingGroupId=GROUP, regionId="cn-beijing")
    account.seed_group(made("i-b"), scalingGroupId="asg-b", regionId="cn-shanghai")
    settings(region="cn-beijing")
    account.keep(GROUP, "i-a")
    with refused("InvalidScalingGroupId.NotFound", 404):
        account.keep("asg-b", "i-b")


def test_scale_in_takes_the_oldest_that_nothing_protects(account, at_once):
    account.seed_group(made("i-m", 4, deletionProtection=True), scalingGroupId=GROUP)
    account.keep(GROUP, "i-m000001")
    assert account.scale_in(GROUP, 2) == ["i-m000002", "i-m000003"]
    assert account.ids() == ["i-m000001", "i-m000004"], "release protection has stopped nothing"
    released = account.control("GET", f"/accounts/{account.id}/released")["released"]
    assert [(it["reason"], it["wasProtected"]) for it in released] == [("scalingGroup", True)] * 2
    assert account.scale_in(GROUP, 5) == ["i-m000004"]
    assert account.member_ids() == ["i-m000001"]


def test_what_somebody_added_is_taken_out_and_what_was_handed_over_is_released(account, at_once):
    account.seed_group(added("i-added"), added("i-handed", entrusted=True), scalingGroupId=GROUP)
    assert [item.entrusted for item in account.members().scaling_instances] == [False, True]
    account.scale_in(GROUP, 2)
    assert account.ids() == ["i-added"]
    assert account.only("i-added").tags is None


def test_the_health_check_leaves_protected_members_and_those_on_standby_alone(account, at_once):
    account.seed_group(made("i-m", 3, status="Stopped"), scalingGroupId=GROUP, desiredCapacity=3)
    account.keep(GROUP, "i-m000001")
    account.scaling("enter_standby", scaling_group_id=GROUP, instance_ids=["i-m000002"])
    assert account.check_health(GROUP) == ["i-m000003"]
    first, second, new = account.members().scaling_instances
    assert [first.instance_id, second.instance_id] == ["i-m000001", "i-m000002"]
    assert [first.health_status, second.health_status, new.health_status] == ["Healthy"] * 3
    assert new.instance_id != "i-m000003" and account.only(new.instance_id).status == "Running"


def test_somebody_can_call_a_member_unhealthy(account, at_once, refused):
    account.seed_group(made("i-m", 2), scalingGroupId=GROUP)
    account.keep(GROUP, "i-m000001")
    for instance_id in ("i-m000001", "i-m000002"):
        account.scaling("set_instance_health", instance_id=instance_id, health_status="Unhealthy")
    (kept,) = account.members().scaling_instances
    assert (kept.instance_id, kept.health_status) == ("i-m000001", "Unhealthy")
    account.keep(GROUP, "i-m000001", protected=False)
    assert account.check_health(GROUP) == ["i-m000001"]
    with refused("InvalidInstanceId.NotFound", 404):
        account.scaling("set_instance_health", instance_id="i-m000001", health_status="Healthy")


def test_a_removal_by_name_asks_neither_protection(account, at_once):
    account.seed_group(made("i-m", 2, deletionProtection=True), added("i-added"), scalingGroupId=GROUP)
    account.keep(GROUP, "i-m000001", "i-added")
    body = account.scaling(
        "remove_instances", scaling_group_id=GROUP, instance_ids=["i-m000001", "i-added"]
    )
    assert body.scaling_activity_id
    assert account.ids() == ["i-m000002", "i-added"]
    assert account.member_ids() == ["i-m000002"]


def test_a_member_that_goes_is_first_being_removed(account, refused, settings):
    settings(scalingMillis=100_000)
    account.seed_group(made("i-m", 2), scalingGroupId=GROUP)
    account.scaling("remove_instances", scaling_group_id=GROUP, instance_ids=["i-m000001"])
    assert account.member("i-m000001").lifecycle_state == "Removing"
    with refused("IncorrectInstanceStatus", 400):
        account.keep(GROUP, "i-m000001")
    with refused("ScalingActivityInProgress", 400):
        account.scaling("remove_instances", scaling_group_id=GROUP, instance_ids=["i-m000002"])
    settings(clockOffsetSeconds=101)
    deadline = time.monotonic() + 10
    while account.member_ids() != ["i-m000002"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert account.ids() == ["i-m000002"]


def test_a_lost_permission_is_forbidden_with_details(account, refused):
    account.seed_group(made("i-a"), scalingGroupId=GROUP)
    account.fault("SetInstancesProtection", "deny", times=1)
    account.fault("DescribeScalingInstances", "deny", times=1)
    for action, ask in [
        ("ess:SetInstancesProtection", lambda: account.keep(GROUP, "i-a")),
        ("ess:DescribeScalingInstances", account.members),
    ]:
        with refused("Forbidden.Unauthorized", 403) as refusal:
            ask()
        assert refusal.error.access_denied_detail["AuthAction"] == action
    assert account.member("i-a").lifecycle_state == "InService"


def test_policies_name_the_actions_and_the_group(account, refused):
    account.seed_group(made("i-a"), scalingGroupId=GROUP)
    account.seed_group(made("i-b"), scalingGroupId="asg-b")
    arn = f"acs:ess:cn-hangzhou:{account.id}:scalinggroup/{GROUP}"
    statement = [
        {"Effect": "Allow", "Action": "ess:DescribeScalingInstances", "Resource": "*"},
        {"Effect": "Allow", "Action": "ess:SetInstancesProtection", "Resource": arn},
    ]
    policy = {"Version": "1", "Statement": statement}
    account.control("POST", f"/accounts/{account.id}/users", {"userName": "ecs-keeper", "policies": [policy]})
    account.members()
    account.keep(GROUP, "i-a")
    for ask in (
        lambda: account.keep("asg-b", "i-b"),
        lambda: account.scaling("describe_scaling_groups", region_id="cn-hangzhou"),
        lambda: account.scaling("remove_instances", scaling_group_id=GROUP, instance_ids=["i-a"]),
    ):
        with refused("Forbidden.Unauthorized", 403):
            ask()


def test_faults_work_as_for_other_operations(account, refused):
    account.seed_group(made("i-a"), made("i-b"), scalingGroupId=GROUP)
    account.fault("SetInstancesProtection", "throttle", times=1, retryAfterMillis=1500)
    with refused("Throttling", 400) as refusal:
        account.keep(GROUP, "i-a")
    assert refusal.error.retry_after == 1500
    account.fault("SetInstancesProtection", "error", times=1, instance_id="i-b", code="ScalingActivityInProgress")
    account.keep(GROUP, "i-a")
    with refused("ScalingActivityInProgress", 400):
        account.keep(GROUP, "i-a", "i-b")
    account.fault("SetInstancesProtection", "ignore", times=1)
    account.keep(GROUP, "i-b")
    assert account.member("i-b").lifecycle_state == "InService"
    account.fault("SetInstancesProtection", "delay", times=1, reads=2)
    account.keep(GROUP, "i-b")
    assert [account.member("i-b").lifecycle_state for _ in range(3)] == ["InService", "InService", "Protected"]
    account.fault("SetInstancesProtection", "dropAfter", times=1)
    with pytest.raises(Exception, match="(?i)connection|remote"):
        account.keep(GROUP, "i-a", protected=False)
    assert account.member("i-a").lifecycle_state == "InService"



def test_a_name_of_the_older_version_is_passed_over_and_everything_is_listed(account):
    account.seed_group(made("i-m", 3), scalingGroupId=GROUP)
    query = {"RegionId": "cn-hangzhou", "InstanceId.1": "i-m000001"}
    parameters = Params(
        action="DescribeScalingInstances",
        version="2022-02-22",
        protocol="HTTP",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    answer = account.ess.call_api(parameters, OpenApiRequest(query=query), RuntimeOptions())
    assert answer["body"]["TotalCount"] == 3
