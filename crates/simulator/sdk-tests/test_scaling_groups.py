"""Scaling groups and their members: listings, and whole stories that need no control port."""

import pytest
from members import GROUP, TAG, added, made


def test_a_member_shows_its_group_and_how_it_came(account):
    account.seed_group(made("i-made", spotStrategy="SpotAsPriceGo"), added("i-added"), scalingGroupId=GROUP)
    body = account.members()
    first, second = body.scaling_instances
    assert (body.total_count, body.total_spot_count, body.page_number, body.page_size) == (2, 1, 1, 10)
    assert (first.instance_id, first.scaling_group_id, first.lifecycle_state) == ("i-made", GROUP, "InService")
    assert (first.creation_type, first.entrusted, first.health_status) == ("AutoCreated", False, "Healthy")
    assert (second.creation_type, second.spot_strategy) == ("Attached", "NoSpot")
    assert first.zone_id == account.only("i-made").zone_id
    assert [first.private_ip_address] == account.only("i-made").vpc_attributes.private_ip_address.ip_address
    assert first.created_time[:16] + "Z" == first.creation_time
    (tag,) = account.only("i-made").tags.tag
    assert (tag.tag_key, tag.tag_value) == (TAG, GROUP)


def test_ten_members_in_a_page_and_a_hundred_at_most(account, refused):
    account.seed_group(made("i-m", 105), scalingGroupId=GROUP)
    assert len(account.member_ids()) == 10
    first, second = (account.members(page_number=number, page_size=100) for number in (1, 2))
    assert [len(page.scaling_instances) for page in (first, second)] == [100, 5]
    assert [page.total_count for page in (first, second)] == [105, 105]
    assert account.member_ids(page_number=3, page_size=100) == []
    for size in (0, 101):
        with refused("InvalidParameter", 400):
            account.members(page_size=size)
    with refused("MissingParameter", 400):
        account.members(region_id=None)


def test_a_listing_is_no_snapshot(account, at_once):
    account.seed_group(made("i-m", 20), scalingGroupId=GROUP)
    seen = account.member_ids(page_number=1)
    account.scale_in(GROUP, 1)
    later = account.members(page_number=2)
    seen += [item.instance_id for item in later.scaling_instances]
    assert "i-m000011" not in seen, "it has moved to the page before"
    assert (later.total_count, len(seen)) == (19, 19), "and yet the numbers fit"


@pytest.mark.parametrize(
    "request_of, ids",
    [
        ({}, ["i-a", "i-b", "i-c", "i-d"]),
        ({"scaling_group_id": GROUP}, ["i-a", "i-b", "i-c"]),
        ({"instance_ids": ["i-d", "i-a", "i-unknown"]}, ["i-a", "i-d"]),
        ({"instance_ids": ["i-unknown"]}, []),
        ({"lifecycle_state": "Protected"}, ["i-b"]),
        ({"lifecycle_states": ["Protected", "Pending:Wait"]}, ["i-b", "i-c"]),
        ({"creation_type": "Attached"}, ["i-c"]),
        ({"creation_types": ["Attached", "AutoCreated"]}, ["i-a", "i-b", "i-c", "i-d"]),
        ({"creation_type": "Managed"}, []),
        ({"health_status": "Unhealthy"}, ["i-b"]),
        ({"scaling_group_id": GROUP, "lifecycle_states": ["InService"]}, ["i-a"]),
        ({"region_id": "cn-beijing"}, ["i-e"]),
    ],
)
def test_filters(account, request_of, ids):
    account.seed_group(
        made("i-a"),
        {**made("i-b"), "lifecycleState": "Protected"},
        added("i-c", lifecycleState="Pending:Wait"),
        scalingGroupId=GROUP,
    )
    account.seed_group(made("i-d"), scalingGroupId="asg-b")
    account.seed_group(made("i-e"), scalingGroupId="asg-c", regionId="cn-beijing")
    account.change_member("i-b", healthStatus="Unhealthy")
    assert account.member_ids(**request_of) == ids


def test_filters_that_the_vendor_refuses(account, refused):
    account.seed_group(made("i-a"), scalingGroupId=GROUP)
    for request in (
        {"lifecycle_state": "Protected", "lifecycle_states": ["Protected"]},
        {"creation_type": "Attached", "creation_types": ["Attached"]},
        {"lifecycle_state": "Alive"},
        {"instance_ids": [f"i-{number}" for number in range(21)]},
    ):
        with refused("InvalidParameter", 400):
            account.members(**request)
    with refused("InvalidScalingGroupId.NotFound", 404):
        account.members(scaling_group_id="asg-unknown")
    with refused("UnsupportedParameter", 400):
        account.members(scaling_configuration_id="asc-a")


def test_hidden_odd_and_moving_members(account):
    account.seed_group(made("i-m", 12), scalingGroupId=GROUP)
    account.fault("DescribeScalingInstances", "hide", times=1, instance_id="i-m000001")
    hidden = account.members(page_size=100)
    assert (hidden.total_count, hidden.scaling_instances[0].instance_id) == (11, "i-m000002")
    for fault in ({"remove": True}, {"value": None}, {"value": 7}):
        account.fault(
            "DescribeScalingInstances", "oddField", times=1, instance_id="i-m000002", path="LifecycleState", **fault
        )
        states = [item.lifecycle_state for item in account.members(page_size=3).scaling_instances]
        assert states == ["InService", fault.get("value"), "InService"]
    account.fault("DescribeScalingInstances", "movingPages", skip=2)
    assert account.member_ids(page_number=1, page_size=5)[-1] == "i-m000005"
    moved = account.members(page_number=2, page_size=5)
    assert (moved.total_count, moved.scaling_instances[0].instance_id) == (12, "i-m000008")


def test_a_group_counts_its_members_by_state(account, refused):
    states = ["InService", "Protected", "Protected", "Standby", "Pending", "Removing", "Stopped"]
    members = [{**made(f"i-{number}"), "lifecycleState": state} for number, state in enumerate(states)]
    account.seed_group(*members, scalingGroupId=GROUP, scalingGroupName="web", minSize=1, maxSize=9)
    account.seed_group(scalingGroupId="asg-off", lifecycleState="Inactive")

    def groups(**request):
        return account.scaling("describe_scaling_groups", **{"region_id": "cn-hangzhou", **request})

    (group,) = groups(scaling_group_names=["web"]).scaling_groups
    assert (group.scaling_group_id, group.scaling_group_name, group.lifecycle_state) == (GROUP, "web", "Active")
    assert (group.min_size, group.max_size, group.desired_capacity) == (1, 9, None)
    assert group.enable_desired_capacity is False and group.group_deletion_protection is False
    assert (group.total_capacity, group.active_capacity, group.protected_capacity) == (7, 1, 2)
    counts = (group.standby_capacity, group.pending_capacity, group.removing_capacity, group.stopped_capacity)
    assert counts == (1, 1, 1, 1)
    assert (group.health_check_type, group.health_check_types) == ("ECS", ["ECS"])
    assert group.removal_policies == ["OldestScalingConfiguration", "OldestInstance"]
    assert (group.scaling_policy, group.suspended_processes) == ("release", None)
    assert [item.scaling_group_id for item in groups().scaling_groups] == [GROUP, "asg-off"]
    listed = groups(scaling_group_ids=[GROUP, "asg-off", "asg-unknown"])
    assert [item.scaling_group_id for item in listed.scaling_groups] == [GROUP]
    assert groups(region_id="cn-beijing").total_count == 0
    with refused("InvalidParameter", 400):
        groups(page_size=51)


def test_a_story_without_the_control_port(account, at_once, refused):
    (template,) = account.seed(instanceType="ecs.c7.large")
    request = {"region_id": "cn-hangzhou", "min_size": 0, "max_size": 4, "instance_id": template}
    group_id = account.scaling("create_scaling_group", **request, scaling_group_name="web").scaling_group_id
    with refused("InvalidScalingGroupName.Duplicate", 400):
        account.scaling("create_scaling_group", **request, scaling_group_name="web")
    with refused("IncorrectScalingGroupStatus", 400):
        account.scaling("attach_instances", scaling_group_id=group_id, instance_ids=[template])
    account.scaling("enable_scaling_group", scaling_group_id=group_id)
    account.scaling("attach_instances", scaling_group_id=group_id, instance_ids=[template])
    with refused("IncorrectInstanceStatus", 400):
        account.scaling("attach_instances", scaling_group_id=group_id, instance_ids=[template])

    def resize(size):
        account.scaling("modify_scaling_group", scaling_group_id=group_id, desired_capacity=size)

    resize(4)
    first, *others = account.members().scaling_instances
    assert (first.instance_id, first.creation_type) == (template, "Attached")
    ids = [item.instance_id for item in others]
    assert [item.creation_type for item in others] == ["AutoCreated"] * 3
    assert {account.only(instance_id).instance_type for instance_id in ids} == {"ecs.c7.large"}
    (extra,) = account.seed()
    with refused("IncorrectCapacity.MaxSize", 400):
        account.scaling("attach_instances", scaling_group_id=group_id, instance_ids=[extra])
    with refused("InvalidParameter", 400):
        resize(5)

    for instance_id in ids:
        account.protect(instance_id)
    account.keep(group_id, template, ids[0])
    resize(1)
    assert account.member_ids() == [template, ids[0]], "the group can't get smaller than what is protected"
    assert account.ids() == [template, ids[0], extra], "release protection has stopped nothing"

    account.scaling("modify_scaling_group", scaling_group_id=group_id, disable_desired_capacity=True, min_size=2)
    with refused("IncorrectCapacity.MinSize", 400):
        account.scaling("remove_instances", scaling_group_id=group_id, instance_ids=[ids[0]])
    account.scaling("modify_scaling_group", scaling_group_id=group_id, min_size=0)
    account.scaling("detach_instances", scaling_group_id=group_id, instance_ids=[ids[0]])
    assert account.ids() == [template, ids[0], extra], "what is detached lives on"
    assert account.member_ids() == [template]


def test_standby_and_back(account, refused):
    account.seed_group(made("i-m", 2), scalingGroupId=GROUP)
    account.keep(GROUP, "i-m000002")
    account.scaling("enter_standby", scaling_group_id=GROUP, instance_ids=["i-m000001"])
    assert account.member("i-m000001").lifecycle_state == "Standby"
    with refused("IncorrectInstanceStatus", 400):
        account.scaling("enter_standby", scaling_group_id=GROUP, instance_ids=["i-m000002"])
    account.scaling("exit_standby", scaling_group_id=GROUP, instance_ids=["i-m000001"])
    assert account.member("i-m000001").lifecycle_state == "InService"
    with refused("IncorrectInstanceStatus", 400):
        account.scaling("exit_standby", scaling_group_id=GROUP, instance_ids=["i-m000001"])
    with refused("InvalidInstanceId.NotFound", 404):
        account.scaling("enter_standby", scaling_group_id=GROUP, instance_ids=["i-m000001", "i-unknown"])


def test_bad_ids_of_a_removal_can_be_passed_over(account, at_once, refused):
    account.seed_group(made("i-m", 2), scalingGroupId=GROUP, desiredCapacity=2)
    request = {"scaling_group_id": GROUP, "instance_ids": ["i-m000001", "i-unknown"]}
    with refused("InvalidInstanceId.NotFound", 404):
        account.scaling("remove_instances", **request)
    body = account.scaling("remove_instances", **request, ignore_invalid_instance=True)
    (ignored,) = body.ignored_instances
    assert (ignored.instance_id, ignored.code) == ("i-unknown", "InvalidInstanceId.NotFound")
    assert account.group(GROUP)["desiredCapacity"] == 1
    account.scaling(
        "remove_instances", scaling_group_id=GROUP, instance_ids=["i-m000002"], decrease_desired_capacity=False
    )
    (new,) = account.member_ids()
    assert new != "i-m000002", "another one was made in its place"


def test_a_client_token_makes_a_removal_repeatable(account, at_once, refused):
    account.seed_group(made("i-m", 2), scalingGroupId=GROUP)
    request = {"scaling_group_id": GROUP, "instance_ids": ["i-m000001"]}
    first = account.scaling("remove_instances", **request, client_token="once")
    again = account.scaling("remove_instances", **request, client_token="once")
    assert first.scaling_activity_id == again.scaling_activity_id
    with refused("InvalidInstanceId.NotFound", 404):
        account.scaling("remove_instances", **request, client_token="twice")


def test_what_is_not_simulated_is_refused(account, refused):
    account.seed_group(made("i-a"), scalingGroupId=GROUP)
    with refused("UnsupportedParameter", 400):
        account.scaling(
            "remove_instances", scaling_group_id=GROUP, instance_ids=["i-a"], stop_instance_timeout=60
        )
    with refused("UnsupportedParameter", 400):
        account.scaling("enter_standby", scaling_group_id=GROUP, instance_ids=["i-a"], async_=True)


def test_a_group_is_deleted_with_force_and_takes_its_protected_members_along(account, at_once, refused):
    account.seed_group(
        made("i-m", 2, deletionProtection=True), added("i-added"), scalingGroupId=GROUP, groupDeletionProtection=True
    )
    account.keep(GROUP, "i-m000001", "i-added")
    with refused("IncorrectScalingGroupStatus", 400):
        account.scaling("delete_scaling_group", scaling_group_id=GROUP, force_delete=True)
    account.scaling("modify_scaling_group", scaling_group_id=GROUP, group_deletion_protection=False)
    with refused("IncorrectScalingGroupStatus", 400):
        account.scaling("delete_scaling_group", scaling_group_id=GROUP)
    account.scaling("delete_scaling_group", scaling_group_id=GROUP, force_delete=True)
    assert account.ids() == ["i-added"]
    with refused("InvalidScalingGroupId.NotFound", 404):
        account.keep(GROUP, "i-added")


def test_a_group_that_is_switched_off_scales_nothing(account, at_once, refused):
    account.seed_group(made("i-m", 2), scalingGroupId=GROUP, desiredCapacity=2)
    account.scaling("disable_scaling_group", scaling_group_id=GROUP)
    account.scaling("modify_scaling_group", scaling_group_id=GROUP, desired_capacity=0)
    assert account.member_ids() == ["i-m000001", "i-m000002"]
    with refused("IncorrectScalingGroupStatus", 400):
        account.scaling("disable_scaling_group", scaling_group_id=GROUP)
    account.scaling("enable_scaling_group", scaling_group_id=GROUP)
    assert account.member_ids() == []
