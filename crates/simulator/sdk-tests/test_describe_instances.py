"""DescribeInstances: filters, pages and the traps of both."""

import json

import pytest
from alibabacloud_ecs20140526 import models

Tag = models.DescribeInstancesRequestTag
REGION = "cn-hangzhou"


def test_an_instance_has_the_documented_shape(account):
    (instance_id,) = account.seed(instanceName="web", tags={"env": "prod"})
    item = account.only(instance_id)
    assert item.instance_name == "web"
    assert item.region_id == REGION
    assert item.zone_id.startswith(REGION)
    assert item.status == "Running"
    assert item.instance_charge_type == "PostPaid"
    assert item.spot_strategy == "NoSpot"
    assert item.deletion_protection is False
    assert item.auto_release_time == ""
    assert item.expired_time == "2099-12-31T15:59Z"
    assert len(item.creation_time) == len("2026-01-01T00:00Z")
    assert item.operation_locks.lock_reason == []
    assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("env", "prod")]
    (interface,) = item.network_interfaces.network_interface
    assert interface.type == "Primary"
    assert interface.network_interface_id.startswith("eni-")
    assert item.vpc_attributes.private_ip_address.ip_address == [interface.primary_ip_address]
    assert item.vpc_attributes.vpc_id.startswith("vpc-")


def test_tags_are_missing_when_there_are_none(account):
    (instance_id,) = account.seed()
    assert account.only(instance_id).tags is None


def test_every_answer_has_a_request_id_of_its_own(account):
    first, second = account.describe().request_id, account.describe().request_id
    assert first != second and len(first) == 36
    assert [entry["requestId"] for entry in account.log()] == [first, second]


def test_the_default_page_has_ten_items(account):
    account.seed(count=25)
    body = account.describe()
    assert len(body.instances.instance) == 10
    assert body.total_count == 25
    assert body.next_token


@pytest.mark.parametrize("asked, given", [(1, 10), (9, 10), (10, 10), (40, 40), (100, 100), (1000, 100)])
def test_max_results_is_bent_into_10_to_100(account, asked, given):
    account.seed(count=120)
    assert len(account.ids(max_results=asked)) == given


def test_a_hundred_ids_without_max_results_give_ten_at_a_time(account):
    ids = account.seed(count=100)
    body = account.describe(instance_ids=json.dumps(ids))
    assert len(body.instances.instance) == 10 and body.next_token
    assert account.ids(instance_ids=json.dumps(ids), max_results=100) == ids


def test_pages_go_on_to_the_empty_token(account):
    ids = account.seed(count=250)
    pages = list(account.pages(max_results=100))
    assert [len(page) for page in pages] == [100, 100, 50]
    assert sum(pages, []) == ids


def test_a_page_that_ends_the_listing_exactly_has_an_empty_token(account):
    account.seed(count=20)
    assert [len(page) for page in account.pages(max_results=10)] == [10, 10]


def test_total_count_has_no_meaning_with_tokens(account):
    account.seed(count=3)
    assert account.describe(max_results=10).total_count == 0


def test_the_deprecated_page_numbers_still_work(account):
    ids = account.seed(count=25)
    body = account.describe(page_number=3, page_size=10)
    assert [item.instance_id for item in body.instances.instance] == ids[20:]
    assert (body.total_count, body.page_number, body.page_size, body.next_token) == (25, 3, 10, "")


def test_a_token_of_another_query_is_refused(account, refused):
    account.seed(count=25)
    token = account.describe(max_results=10).next_token
    with refused("InvalidParameter", 400):
        account.describe(max_results=10, next_token=token, status="Running")
    with refused("InvalidParameter", 400):
        account.describe(max_results=10, next_token="nonsense")


def test_unknown_ids_are_left_out_without_an_error(account):
    (known,) = account.seed()
    assert account.ids(instance_ids=json.dumps([known, "i-unknown"])) == [known]


def test_ids_of_another_region_or_account_are_left_out(account, other_account):
    (elsewhere,) = account.seed(regionId="cn-beijing")
    (foreign,) = other_account.seed()
    assert account.ids(instance_ids=json.dumps([elsewhere, foreign])) == []
    assert account.ids(region_id="cn-beijing") == [elsewhere]


def test_an_empty_id_list_is_a_filter_that_nothing_passes(account):
    account.seed(count=3)
    assert account.ids(instance_ids="[]") == []


def test_ids_are_one_json_text(account, refused):
    (instance_id,) = account.seed()
    for malformed in (instance_id, f"{instance_id},i-2", "{}", "[1]"):
        with refused("InvalidInstanceIds.Malformed", 400):
            account.describe(instance_ids=malformed)
    with refused("InvalidInstanceIds.Malformed", 403):
        account.describe(instance_ids=json.dumps([f"i-{n}" for n in range(101)]))


def test_all_tags_must_match(account):
    (both,) = account.seed(tags={"env": "prod", "team": "a"})
    (one,) = account.seed(tags={"env": "prod"})
    account.seed(tags={"env": "test"})
    assert account.ids(tag=[Tag(key="env", value="prod")]) == [both, one]
    assert account.ids(tag=[Tag(key="env", value="prod"), Tag(key="team", value="a")]) == [both]
    assert account.ids(tag=[Tag(key="team")]) == [both]


def test_a_tag_filter_answers_at_most_1000_resources(account):
    account.seed(count=1050, tags={"env": "prod"})
    pages = list(account.pages(max_results=100, tag=[Tag(key="env", value="prod")]))
    assert sum(map(len, pages)) == 1000
    assert sum(map(len, account.pages(max_results=100))) == 1050
    assert account.describe(page_number=1, page_size=10, tag=[Tag(key="env")]).total_count == 1000


def test_a_resource_group_filter_is_capped_as_well(account):
    account.seed(count=1001, resourceGroupId="rg-1")
    assert sum(map(len, account.pages(max_results=100, resource_group_id="rg-1"))) == 1000


def test_more_than_twenty_tags_are_refused(account, refused):
    with refused("InvalidTagCount", 400):
        account.describe(tag=[Tag(key=f"k{n}", value="v") for n in range(21)])


def test_a_tag_value_needs_a_key(account, refused):
    with refused("InvalidTag.Mismatch", 400):
        account.describe(tag=[Tag(value="prod")])


@pytest.mark.parametrize(
    "seed, request_filter",
    [
        ({"vpcId": "vpc-1"}, {"vpc_id": "vpc-1"}),
        ({"vSwitchId": "vsw-1"}, {"v_switch_id": "vsw-1"}),
        ({"zoneId": "cn-hangzhou-k"}, {"zone_id": "cn-hangzhou-k"}),
        ({"securityGroupIds": ["sg-1", "sg-2"]}, {"security_group_id": "sg-2"}),
        ({"status": "Stopped"}, {"status": "Stopped"}),
        ({"instanceChargeType": "PrePaid"}, {"instance_charge_type": "PrePaid"}),
        ({"instanceName": "web-one"}, {"instance_name": "web*"}),
        ({"locks": ["financial"]}, {"lock_reason": "financial"}),
        ({"instanceType": "ecs.c7.large"}, {"instance_type": "ecs.c7.large"}),
    ],
)
def test_each_filter_finds_its_instance_and_no_other(account, seed, request_filter):
    account.seed(count=3)
    wanted = account.seed(**seed)
    assert account.ids(**request_filter) == wanted


@pytest.mark.parametrize(
    "request_filter, code",
    [
        ({"status": "Sleeping"}, "InvalidStatus.NotFound"),
        ({"instance_charge_type": "Free"}, "InvalidInstanceChargeType.NotFound"),
        ({"lock_reason": "bored"}, "InvalidLockReason.NotFound"),
        ({"instance_network_type": "ether"}, "InvalidNetworkType.NotFound"),
        ({"filter": [models.DescribeInstancesRequestFilter(key="X", value="Y")]}, "InvalidFilterKey.NotFound"),
    ],
)
def test_an_unknown_filter_value_is_refused_with_404(account, refused, request_filter, code):
    with refused(code, 404):
        account.describe(**request_filter)


def test_creation_time_filters_bound_on_both_sides(account):
    Filter = models.DescribeInstancesRequestFilter
    (old,) = account.seed(creationTime="2020-01-01T00:00:00Z")
    (new,) = account.seed(creationTime="2024-01-01T00:00:00Z")
    start = Filter(key="CreationStartTime", value="2022-01-01T00:00Z")
    end = Filter(key="CreationEndTime", value="2022-01-01T00:00Z")
    assert (account.ids(filter=[start]), account.ids(filter=[end])) == ([new], [old])


def test_a_filter_that_the_simulator_lacks_is_refused_and_not_ignored(account, refused):
    account.seed()
    for request in ({"key_pair_name": "mine"}, {"ipv_6address": ["2001:db8::1"]}):
        with refused("UnsupportedParameter", 400):
            account.describe(**request)


def test_what_is_in_the_default_group_comes_whatever_group_is_asked_for(account):
    (default,) = account.seed()
    (other,) = account.seed(resourceGroupId="rg-a")
    assert account.ids(resource_group_id="rg-a") == [default, other]
    assert account.ids(resource_group_id="rg-x") == [default]


def test_locks_are_shown(account):
    (instance_id,) = account.seed(locks=["financial", "security"])
    assert [lock.lock_reason for lock in account.only(instance_id).operation_locks.lock_reason] == [
        "financial",
        "security",
    ]


def test_the_region_is_mandatory_and_must_exist(account, refused):
    with refused("MissingParameter", 400):
        account.describe(region_id="")
    with refused("InvalidRegionId.NotFound", 404):
        account.describe(region_id="cn-nowhere")


def test_a_dry_run_that_would_pass_is_an_error(account, refused):
    with refused("DryRunOperation", 400):
        account.describe(dry_run=True)


def test_nobody_sees_another_accounts_instances(account, other_account):
    account.seed(count=2)
    assert other_account.ids() == []


def test_a_lost_permission_looks_like_an_empty_fleet_and_only_a_dry_run_tells(account, refused):
    account.seed(count=2)
    account.fault("DescribeInstances", "deny")
    assert account.ids() == []
    with refused("Forbidden.RAM", 403):
        account.describe(dry_run=True)
