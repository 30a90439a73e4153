"""TagResources, UntagResources, ListTagResources, DescribeRegions, GetCallerIdentity."""

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_sts20150401.client import Client as StsClient

REGION = "cn-hangzhou"


def tag(account, ids, tags, **request):
    request = {"region_id": REGION, "resource_type": "instance", **request}
    tags = [models.TagResourcesRequestTag(key=key, value=value) for key, value in tags.items()]
    return account.ecs.tag_resources(models.TagResourcesRequest(resource_id=ids, tag=tags, **request)).body


def untag(account, ids, **request):
    request = {"region_id": REGION, "resource_type": "instance", **request}
    return account.ecs.untag_resources(models.UntagResourcesRequest(resource_id=ids, **request)).body


def tags_of(account, instance_id):
    return account.instance(instance_id)["tags"]


def test_tags_come_change_and_go(account):
    ids = account.seed(count=2)
    assert tag(account, ids, {"env": "prod", "team": "a"}).request_id
    tag(account, ids[:1], {"team": "b"})
    assert [tags_of(account, i) for i in ids] == [{"env": "prod", "team": "b"}, {"env": "prod", "team": "a"}]
    assert account.ids(tag=[models.DescribeInstancesRequestTag(key="team", value="b")]) == ids[:1]
    assert account.ids(tag=[models.DescribeInstancesRequestTag(key="team", value="a")]) == ids[1:]
    assert untag(account, ids, tag_key=["env"]).request_id
    untag(account, ids[:1], all=True)
    assert [tags_of(account, i) for i in ids] == [{}, {"team": "a"}]


def test_limits_of_tagging(account, refused):
    (instance_id,) = account.seed(tags={f"k{n}": "v" for n in range(20)})
    with refused("OperationDenied.QuotaExceed", 400):
        tag(account, [instance_id], {"one-more": "v"})
    tag(account, [instance_id], {"k0": "another"})
    with refused("NumberExceed.Tags", 400):
        tag(account, [instance_id], {f"t{n}": "v" for n in range(21)})
    with refused("NumberExceed.ResourceIds", 400):
        tag(account, [instance_id] * 51, {"env": "prod"})


@pytest.mark.parametrize("key", ["acs:autoscaling:scalingGroupId", "aliyun-x", "http://x", "k" * 129, ""])
def test_keys_that_users_may_not_set(account, refused, key):
    (instance_id,) = account.seed()
    with refused("InvalidTagKey.Malformed", 400):
        tag(account, [instance_id], {key: "v"})


def test_unknown_resources_and_types(account, refused):
    with refused("InvalidResourceId.NotFound", 404):
        tag(account, ["i-unknown"], {"env": "prod"})
    with refused("InvalidResourceType.NotFound", 404):
        tag(account, ["i-unknown"], {"env": "prod"}, resource_type="teapot")


def test_missing_parameters_have_codes_of_their_own(account, refused):
    (instance_id,) = account.seed()
    for code, call in {
        "MissingParameter.RegionId": lambda: tag(account, [instance_id], {"a": "b"}, region_id=None),
        "MissingParameter.ResourceType": lambda: tag(account, [instance_id], {"a": "b"}, resource_type=None),
        "MissingParameter.ResourceIds": lambda: tag(account, [], {"a": "b"}),
        "MissingParameter.Tags": lambda: tag(account, [instance_id], {}),
    }.items():
        with refused(code, 404):
            call()


def tagged(account, token="", **request):
    """One page of ListTagResources: its rows, and the token of the next."""
    request = {"region_id": REGION, "resource_type": "instance", **request}
    body = account.ecs.list_tag_resources(models.ListTagResourcesRequest(next_token=token, **request)).body
    rows = [(row.resource_id, row.resource_type, row.tag_key, row.tag_value) for row in body.tag_resources.tag_resource]
    return rows, body.next_token


def test_tags_are_listed_by_resource_and_by_tag(account):
    (both,) = account.seed(tags={"env": "prod", "team": "a"})
    (one,) = account.seed(tags={"env": "prod"})
    (bare,) = account.seed()
    (interface,) = account.seed_interfaces(tags={"env": "prod"})
    Tag = models.ListTagResourcesRequestTag
    of_both = [(both, "instance", "env", "prod"), (both, "instance", "team", "a")]
    of_one = [(one, "instance", "env", "prod")]
    for request, rows in [
        ({"resource_id": [both, bare]}, of_both),
        ({"tag": [Tag(key="env", value="prod")]}, of_both + of_one),
        ({"tag": [Tag(key="env"), Tag(key="team", value="a")]}, of_both),
        ({"tag": [Tag(key="env", value="prod")], "resource_id": [one]}, of_one),
        ({"tag": [Tag(key="env", value="test")]}, []),
        ({"tag": [Tag(key="env")], "resource_type": "eni"}, [(interface, "eni", "env", "prod")]),
    ]:
        assert tagged(account, **request) == (rows, ""), request


def test_lists_of_tags_go_on_beyond_a_thousand_resources(account):
    ids = account.seed(count=1050, tags={"env": "prod"})
    tag = [models.ListTagResourcesRequestTag(key="env", value="prod")]
    found, token = tagged(account, tag=tag)
    while token:
        rows, token = tagged(account, token, tag=tag)
        found += rows
    assert [row[0] for row in found] == ids


def test_limits_of_lists_of_tags(account, refused):
    (instance_id,) = account.seed(tags={"env": "prod"})
    Tag = models.ListTagResourcesRequestTag
    for code, status, request in [
        ("MissingParameter.RegionId", 404, {"region_id": None}),
        ("MissingParameter.ResourceType", 404, {"resource_type": None}),
        ("MissingParameter.ResourceIds", 404, {}),
        ("InvalidResourceType.NotFound", 404, {"resource_type": "teapot"}),
        ("InvalidResourceId.NotFound", 404, {"resource_id": ["i-unknown"]}),
        ("NumberExceed.ResourceIds", 400, {"resource_id": [instance_id] * 51}),
        ("NumberExceed.Tags", 400, {"tag": [Tag(key=f"k{n}") for n in range(21)]}),
        ("InvalidTag.Mismatch", 400, {"tag": [Tag(value="prod")]}),
        ("InvalidParameter", 400, {"tag": [Tag(key="env")], "token": "nonsense"}),
    ]:
        with refused(code, status):
            tagged(account, **request)
    with refused("UnsupportedParameter", 400):
        tagged(account, tag_filter=[models.ListTagResourcesRequestTagFilter(tag_key="e*")])
    assert len(tagged(account, resource_id=[instance_id] * 50)[0]) == 1


def test_regions_are_listed_with_their_endpoints(account):
    regions = account.ecs.describe_regions(models.DescribeRegionsRequest()).body.regions.region
    endpoints = {region.region_id: region.region_endpoint for region in regions}
    assert endpoints["cn-beijing"] == "ecs.cn-beijing.aliyuncs.com"
    assert all(region.local_name and region.status == "available" for region in regions)


def test_a_caller_learns_its_account(account, other_account):
    for caller in (account, other_account):
        body = caller.sts.get_caller_identity().body
        assert body.account_id == caller.id
        assert (body.identity_type, body.arn) == ("RAMUser", f"acs:ram::{caller.id}:user/ecs-keeper")
        assert body.request_id


def test_a_temporary_key_is_an_assumed_role(account):
    token = "a-security-token-of-the-simulator"
    key = {"accessKeyId": f"STS.{account.id}", "accessKeySecret": "temporary", "securityToken": token}
    account.control("POST", f"/accounts/{account.id}/keys", key)
    client = account.client(
        StsClient, access_key_id=key["accessKeyId"], access_key_secret="temporary", security_token=token
    )
    body = client.get_caller_identity().body
    assert (body.account_id, body.identity_type) == (account.id, "AssumedRoleUser")
    assert body.role_id
