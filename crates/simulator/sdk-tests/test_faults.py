"""Misbehaviour on demand, as the SDK sees it."""

import time

import pytest
from darabonba.exceptions import DaraException, UnretryableException


def test_throttling_is_raised_with_the_wait(account, refused):
    account.fault("DescribeInstances", "throttle", times=1, retryAfterMillis=1500)
    with refused("Throttling", 400) as refusal:
        account.describe()
    assert refusal.error.retry_after == 1500
    account.describe()


def test_a_rate_limit_counts_calls_of_one_operation(account, refused):
    (instance_id,) = account.seed()
    # A new minute may begin between two calls, and with it a new allowance: four calls span two minutes at most.
    account.fault("DescribeInstances", "rateLimit", perMinute=1)
    codes = []
    for _ in range(4):
        try:
            account.describe()
        except DaraException as error:
            assert 0 < error.retry_after <= 60_000
            codes.append(error.code)
    assert set(codes) == {"Throttling.User"} and len(codes) >= 2
    account.protect(instance_id)


@pytest.mark.parametrize(
    "code, status",
    [
        ("ServiceUnavailable", 503),
        ("InternalError", 500),
        ("OperationConflict", 400),
        ("Forbidden.RiskControl", 403),
        ("InvalidInstanceId.NotFound", 404),
        ("SomethingNew", 400),
    ],
)
def test_any_code_with_its_documented_status(account, refused, code, status):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "error", times=1, code=code)
    with refused(code, status):
        account.protect(instance_id)
    account.protect(instance_id)


def test_a_fault_of_one_instance_leaves_others_alone(account, refused):
    first, second = account.seed(count=2)
    account.fault("ModifyInstanceAttribute", "error", instance_id=first, code="InternalError")
    with refused("InternalError", 500):
        account.protect(first)
    account.protect(second)


def test_a_fault_of_one_account_leaves_others_alone(account, other_account):
    account.fault(None, "error", code="ServiceUnavailable")
    other_account.describe()


def test_an_answer_lost_after_the_effect(account):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "dropAfter", times=1)
    with pytest.raises(Exception, match="(?i)connection|remote"):
        account.protect(instance_id)
    assert account.instance(instance_id)["deletionProtection"] is True
    (entry,) = account.log("ModifyInstanceAttribute")
    assert (entry["lost"], entry["mutated"]) == (True, True)


def test_an_answer_lost_before_the_effect(account):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "dropBefore", times=1)
    with pytest.raises(Exception, match="(?i)connection|remote"):
        account.protect(instance_id)
    assert account.instance(instance_id)["deletionProtection"] is False


def test_a_write_accepted_and_ignored(account):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "ignore", times=1)
    account.protect(instance_id)
    assert account.only(instance_id).deletion_protection is False


def test_an_effect_that_shows_only_after_some_reads(account):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "delay", times=1, reads=2)
    account.protect(instance_id)
    assert account.instance(instance_id)["deletionProtection"] is True
    assert [account.only(instance_id).deletion_protection for _ in range(3)] == [False, False, True]


def test_an_effect_that_shows_only_after_some_time(account):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "delay", times=1, millis=300)
    account.protect(instance_id)
    assert account.only(instance_id).deletion_protection is False
    deadline = time.monotonic() + 10
    while not account.only(instance_id).deletion_protection:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_latency(account):
    account.fault("DescribeInstances", "latency", millis=200, jitterMillis=50)
    start = time.monotonic()
    account.describe()
    assert time.monotonic() - start >= 0.2


def test_short_pages_still_have_a_token(account):
    ids = account.seed(count=12)
    account.fault("DescribeInstances", "shortPages", items=5)
    pages = list(account.pages(max_results=100))
    assert [len(page) for page in pages] == [5, 5, 2]
    assert sum(pages, []) == ids


def test_items_that_move_between_pages_are_missed_or_seen_twice(account):
    ids = account.seed(count=40)
    missing = account.fault("DescribeInstances", "movingPages", skip=2)
    assert sum(account.pages(max_results=10), []) == ids[:10] + ids[12:22] + ids[24:34] + ids[36:]
    account.control("DELETE", f"/faults/{missing}")
    account.fault("DescribeInstances", "movingPages", repeat=3)
    seen = sum(account.pages(max_results=10), [])
    assert set(seen) == set(ids) and len(seen) > len(ids)


def test_hidden_instances_come_back(account):
    first, second = account.seed(count=2)
    account.fault("DescribeInstances", "hide", times=1, instance_id=first)
    assert account.ids() == [second]
    assert account.ids() == [first, second]


def test_odd_fields(account):
    first, second = account.seed(count=2, deletionProtection=True, tags={"env": "prod"})
    gone = account.fault("DescribeInstances", "oddField", instance_id=first, path="DeletionProtection", remove=True)
    items = account.describe().instances.instance
    assert [item.deletion_protection for item in items] == [None, True]
    account.control("DELETE", f"/faults/{gone}")
    account.fault("DescribeInstances", "oddField", path="DeletionProtection", value="yes")
    assert [item.deletion_protection for item in account.describe().instances.instance] == ["yes", "yes"]


def test_a_forbidden_listing_instead_of_an_empty_one(account, refused):
    account.seed()
    account.fault("DescribeInstances", "deny", alwaysForbidden=True)
    with refused("Forbidden.RAM", 403):
        account.describe()


def test_an_answer_that_is_not_json(account):
    account.fault("DescribeInstances", "answer", times=1, status=200, contentType="text/html", body="<html>")
    with pytest.raises(UnretryableException, match="Failed to parse the value as json"):
        account.describe()


def test_the_allow_list_check_tells_what_was_asked_besides(account):
    (instance_id,) = account.seed()
    account.describe(max_results=100)
    account.modify(instance_id, password="Secret-1234")
    allowed = [
        {"action": "DescribeInstances", "parameters": ["RegionId", "MaxResults"]},
        {"action": "ModifyInstanceAttribute", "parameters": ["InstanceId", "DeletionProtection"]},
    ]
    assert account.control("POST", f"/log/check?account={account.id}", allowed)["violations"] == [
        "ModifyInstanceAttribute was called with Password"
    ]
