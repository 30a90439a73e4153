"""Signatures, keys and clocks, as the SDK makes and reports them."""

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_tea_openapi import utils_models
from darabonba.runtime import RuntimeOptions

TOKEN = "a-security-token-of-the-simulator"


def describe(client):
    return client.describe_instances(models.DescribeInstancesRequest(region_id="cn-hangzhou")).body


def call(account, action, version="2014-05-26", method="POST", query=None, body=None):
    """A call that no typed method makes, through the SDK's own machinery."""
    params = utils_models.Params(
        action=action,
        version=version,
        protocol="HTTP",
        pathname="/",
        method=method,
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    request = utils_models.OpenApiRequest(query=query, body=body)
    return account.ecs.call_api(params, request, RuntimeOptions())["body"]


def test_a_wrong_secret_is_told_with_the_string_that_should_have_been_signed(account, refused):
    with refused("SignatureDoesNotMatch", 400) as refusal:
        describe(account.client(EcsClient, access_key_secret="wrong"))
    assert "ACS3-HMAC-SHA256\n" in refusal.error.message


def test_an_unknown_key_is_a_404_that_means_no_resource(account, refused):
    with refused("InvalidAccessKeyId.NotFound", 404):
        describe(account.client(EcsClient, access_key_id="LTAI5tUnknown"))


def test_a_disabled_key(account, refused):
    key = {"accessKeyId": account.key_id, "accessKeySecret": account.secret, "disabled": True}
    account.control("POST", f"/accounts/{account.id}/keys", key)
    with refused("InvalidAccessKeyId.Inactive", 400):
        describe(account.ecs)


@pytest.fixture
def temporary(account):
    """Makes a client with a temporary key; the arguments say what the cloud thinks of the key."""

    def make(token=TOKEN, **key):
        key = {"accessKeyId": f"STS.{account.id}", "accessKeySecret": "temporary", "securityToken": TOKEN, **key}
        account.control("POST", f"/accounts/{account.id}/keys", key)
        return account.client(
            EcsClient, access_key_id=key["accessKeyId"], access_key_secret="temporary", security_token=token
        )

    return make


def test_a_temporary_key_works_with_its_token(temporary):
    assert describe(temporary()).request_id


@pytest.mark.parametrize(
    "arguments, code",
    [
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "InvalidSecurityToken.Expired"),
        ({"token": "another-security-token"}, "InvalidSecurityToken.MismatchWithAccessKey"),
        ({"token": "short"}, "InvalidSecurityToken.Malformed"),
        ({"token": None}, "MissingSecurityToken"),
    ],
)
def test_a_temporary_key_without_its_living_token(temporary, refused, arguments, code):
    client = temporary(**arguments)
    with refused(code, 400):
        describe(client)


@pytest.mark.parametrize("offset", [20 * 60, -20 * 60])
def test_a_clock_that_is_off_by_more_than_the_window(account, settings, refused, offset):
    settings(clockOffsetSeconds=offset)
    with refused("InvalidTimeStamp.Expired", 400):
        describe(account.ecs)


def test_a_nonce_is_good_once(account, refused, monkeypatch):
    from alibabacloud_tea_openapi import client

    monkeypatch.setattr(client.Utils, "get_nonce", lambda: "the-same-nonce")
    describe(account.ecs)
    with refused("SignatureNonceUsed", 400):
        describe(account.ecs)


def test_operations_that_do_not_exist(account, refused):
    with refused("InvalidAction.NotFound", 404):
        call(account, "MakeCoffee")
    with refused("InvalidAction.NotFound", 404):
        call(account, "DescribeInstances", version="2015-04-01")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_parameters_in_the_query(account, method):
    (instance_id,) = account.seed()
    answer = call(account, "DescribeInstances", method=method, query={"RegionId": "cn-hangzhou"})
    assert [item["InstanceId"] for item in answer["Instances"]["Instance"]] == [instance_id]


def test_parameters_in_a_form_body(account):
    (instance_id,) = account.seed()
    answer = call(account, "DescribeInstances", body={"RegionId": "cn-hangzhou", "InstanceName": f"{instance_id[:5]}*"})
    assert [item["InstanceId"] for item in answer["Instances"]["Instance"]] == [instance_id]


def test_an_error_body_has_the_documented_members(account, refused):
    with refused("InvalidInstanceId.NotFound", 404) as refusal:
        account.protect("i-unknown")
    data = refusal.error.data
    assert data["RequestId"] == refusal.error.request_id
    assert data["HostId"] == account.endpoint
    assert "InvalidInstanceId.NotFound" in data["Recommend"]


def test_refused_requests_are_in_the_log_too(simulator, account, refused):
    entries = simulator.control("GET", "/log")["entries"]
    before = entries[-1]["sequence"] if entries else 0
    with refused("SignatureDoesNotMatch", 400):
        describe(account.client(EcsClient, access_key_secret="wrong"))
    (entry,) = simulator.control("GET", f"/log?after={before}")["entries"]
    assert (entry["account"], entry["action"], entry["status"]) == (None, "DescribeInstances", 400)
    assert entry["code"] == "SignatureDoesNotMatch"
