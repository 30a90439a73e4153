"""LookupEvents: what is recorded, and what the vendor's SDK makes of it."""

import datetime

import pytest
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_ecs20140526.models import ModifyInstanceAttributeRequest
from alibabacloud_sts20150401.models import AssumeRoleRequest

EVERYTHING = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PROTECTION = ("EventName", "ModifyInstanceAttribute")


@pytest.fixture
def seen(settings):
    """Events that can be looked up at once; each call is in a second of its own, for the rate allows two."""
    offset = 0

    def step():
        nonlocal offset
        offset += 1
        settings(trailDelaySeconds=0, clockOffsetSeconds=offset)

    step()
    return step


def test_who_switched_it_off_is_told(account, seen):
    account.seed(instanceId="i-a", deletionProtection=True)
    request_id = account.protect("i-a", on=False).request_id
    (event,) = account.events(("ResourceName", "i-a"), PROTECTION).events
    assert (event["eventName"], event["eventType"], event["serviceName"]) == (
        "ModifyInstanceAttribute",
        "ApiCall",
        "Ecs",
    )
    assert event["requestId"] == request_id
    assert event["requestParameters"]["DeletionProtection"] == "False"
    assert event["userIdentity"]["accessKeyId"] == account.key_id
    assert "AlibabaCloud" in event["userAgent"]


def test_the_sdks_spelling_arrives(account, seen):
    account.events(("ResourceName", "i-a"), PROTECTION, direction="BACKWARD", max_results="50")
    (entry,) = account.log("LookupEvents")
    assert entry["parameters"] == {
        "Direction": "BACKWARD",
        "LookupAttribute.1.Key": "ResourceName",
        "LookupAttribute.1.Value": "i-a",
        "LookupAttribute.2.Key": "EventName",
        "LookupAttribute.2.Value": "ModifyInstanceAttribute",
        "MaxResults": "50",
    }


def test_pages_up_to_the_last_one_without_a_token(account, seen):
    account.seed(instanceId="i-a")
    for turn in range(5):
        account.protect("i-a", on=turn % 2 == 0)
    token, pages = None, []
    while True:
        seen()
        body = account.events(("ResourceName", "i-a"), max_results="2", next_token=token)
        pages.append([event["eventId"] for event in body.events])
        token = body.next_token
        if not token:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({event for page in pages for event in page}) == 5


def test_a_token_belongs_to_its_query(account, seen, refused):
    account.seed(instanceId="i-a")
    account.protect("i-a")
    account.protect("i-a", on=False)
    token = account.events(("ResourceName", "i-a"), max_results="1").next_token
    seen()
    with refused("InvalidParameterValue", 400):
        account.events(("ResourceName", "i-a"), max_results="2", next_token=token)


def test_an_event_comes_late(account):
    account.seed(instanceId="i-a")
    account.protect("i-a")
    assert account.events(("ResourceName", "i-a")).events == []


def test_the_console_has_no_key(account, seen):
    account.seed(instanceId="i-a", deletionProtection=True)
    user = {"userName": "ann", "sourceIpAddress": "203.0.113.9"}
    account.console("ModifyInstanceAttribute", user, InstanceId="i-a", DeletionProtection="false")
    (event,) = account.events(("ResourceName", "i-a")).events
    assert event["eventType"] == "ConsoleOperation"
    assert event["userIdentity"]["userName"] == "ann"
    assert "accessKeyId" not in event["userIdentity"]
    assert event["requestParameters"]["DeletionProtection"] is False


def test_a_session_of_a_role_is_told_by_both_names(account, seen):
    account.seed(instanceId="i-a")
    arn = account.role("keeper", {"RAM": f"acs:ram::{account.id}:root"}, policies=[EVERYTHING])
    request = AssumeRoleRequest(role_arn=arn, role_session_name="ecs-keeper-test")
    key = account.sts.assume_role(request).body.credentials
    session = account.client(
        EcsClient,
        access_key_id=key.access_key_id,
        access_key_secret=key.access_key_secret,
        security_token=key.security_token,
    )
    session.modify_instance_attribute(ModifyInstanceAttributeRequest(instance_id="i-a", deletion_protection=True))
    (event,) = account.events(("RoleName", "keeper")).events
    assert event["userIdentity"]["type"] == "assumed-role"
    assert event["userIdentity"]["userName"] == "keeper:ecs-keeper-test"
    assert event["userIdentity"]["principalId"].endswith(":ecs-keeper-test")
    assert event["userIdentity"]["accessKeyId"] == key.access_key_id


def test_conditions_have_their_traps(account, seen):
    account.seed(instanceId="i-a")
    account.seed(instanceId="i-b")
    account.protect("i-a")
    account.protect("i-b")

    def found(*conditions):
        seen()
        return sorted(event["resourceName"] for event in account.events(*conditions).events)

    assert found(("ResourceName", "i-a"), PROTECTION) == ["i-a"]
    assert found(("ResourceName", "i-a"), ("ResourceName", "i-b")) == ["i-b"]
    assert found(("ServiceName", "Ecs"), PROTECTION, ("ResourceName", "i-a")) == ["i-a", "i-b"]


def test_a_span_has_two_ends_and_is_not_too_long(account, seen, refused):
    def time(days):
        at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    for code, request in (
        ("InvalidParameterValue", {"start_time": time(1)}),
        ("InvalidTimeRangeException", {"start_time": time(91), "end_time": time(89)}),
        ("InvalidTimeRangeException", {"start_time": time(1), "end_time": time(2)}),
        ("TimeRangeExceeded", {"start_time": time(32), "end_time": time(1)}),
        ("InvalidParameterValue", {"max_results": "51"}),
    ):
        seen()
        with refused(code, 400):
            account.events(**request)
    seen()
    assert account.events(start_time=time(29), end_time=time(1)).events == []


def test_missing_permission_is_a_refusal(account, seen, refused):
    account.fault("LookupEvents", "deny", times=1)
    with refused("NoPermission", 403) as refusal:
        account.events()
    assert refusal.error.code == "NoPermission"
