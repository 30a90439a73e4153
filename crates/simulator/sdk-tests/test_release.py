"""DeleteInstance and DeleteInstances, and the releases that protection doesn't stop."""

import urllib.error

import pytest
from alibabacloud_ecs20140526 import models

REGION = "cn-hangzhou"


def delete_many(account, ids, **request):
    request.setdefault("region_id", REGION)
    return account.ecs.delete_instances(models.DeleteInstancesRequest(instance_id=ids, **request)).body


def test_a_protected_instance_is_not_released(account, refused):
    (instance_id,) = account.seed()
    account.protect(instance_id)
    with refused("InvalidOperation.DeletionProtection", 403) as refusal:
        account.delete(instance_id, force=True, terminate_subscription=True)
    assert refusal.error.request_id
    assert account.ids() == [instance_id]


def test_without_protection_it_is(account):
    (instance_id,) = account.seed()
    assert account.delete(instance_id, force=True).request_id
    assert account.ids() == []


def test_one_protected_instance_saves_all_that_are_named_with_it(account, refused):
    ids = account.seed(count=3)
    account.protect(ids[1])
    with refused("InvalidOperation.DeletionProtection", 403):
        delete_many(account, ids, force=True)
    assert account.ids() == ids
    account.protect(ids[1], False)
    delete_many(account, ids, force=True)
    assert account.ids() == []


@pytest.mark.parametrize("reason", ["overdue", "autoRelease", "compliance", "scalingGroup", "spotReclaim"])
def test_protection_stops_no_other_release(account, reason):
    (instance_id,) = account.seed(deletionProtection=True)
    account.release(instance_id, reason)
    assert account.ids() == []
    (released,) = account.control("GET", f"/accounts/{account.id}/released")["released"]
    assert (released["reason"], released["wasProtected"]) == (reason, True)


def test_a_release_by_hand_at_the_control_port_obeys_the_rules(account):
    (instance_id,) = account.seed(deletionProtection=True)
    with pytest.raises(urllib.error.HTTPError) as error:
        account.release(instance_id, "manual")
    assert error.value.code == 403
    error.value.close()
    assert account.ids() == [instance_id]


def test_a_running_instance_needs_force_and_a_stopped_one_does_not(account, refused):
    (running,) = account.seed()
    (stopped,) = account.seed(status="Stopped")
    with refused("IncorrectInstanceStatus", 403):
        account.delete(running)
    account.delete(stopped)
    assert account.ids() == [running]


def test_a_running_subscription_is_not_released_and_an_expired_one_only_on_request(account, refused):
    (running,) = account.seed(instanceChargeType="PrePaid")
    (expired,) = account.seed(instanceChargeType="PrePaid", expiredTime="2020-01-01T00:00:00Z")
    with refused("ChargeTypeViolation", 403):
        account.delete(running, force=True, terminate_subscription=True)
    with refused("ChargeTypeViolation", 403):
        account.delete(expired, force=True)
    account.delete(expired, force=True, terminate_subscription=True)
    assert account.ids() == [running]


def test_a_security_lock_holds_it(account, refused):
    (instance_id,) = account.seed(locks=["security"])
    with refused("InstanceLockedForSecurity", 403):
        account.delete(instance_id, force=True)


def test_dry_runs_have_two_codes_and_prove_nothing_about_protection(account, refused):
    (instance_id,) = account.seed(deletionProtection=True)
    with refused("DryRunOperation", 400):
        account.delete(instance_id, force=True, dry_run=True)
    with refused("DRYRUN.SUCCESS", 400):
        delete_many(account, [instance_id], force=True, dry_run=True)
    assert account.ids() == [instance_id]


def test_unknown_ids_have_two_codes(account, refused):
    with refused("InvalidInstanceId.NotFound", 404):
        account.delete("i-unknown")
    with refused("InvalidInstanceIds.NotFound", 404):
        delete_many(account, ["i-unknown"])


def test_a_hundred_at_most_and_of_one_region(account, refused):
    (elsewhere,) = account.seed(regionId="cn-beijing")
    with refused("InvalidParameter.CrossRegionNotSupport", 400):
        delete_many(account, [elsewhere], force=True)
    with refused("InvalidParameter.TooManyInstanceIds", 403):
        delete_many(account, [f"i-{n}" for n in range(101)])
    with refused("MissingParameter", 400):
        delete_many(account, [])


def test_a_client_token_makes_a_release_repeatable(account, refused):
    (instance_id,) = account.seed()
    delete_many(account, [instance_id], force=True, client_token="once")
    delete_many(account, [instance_id], force=True, client_token="once")
    with refused("InvalidInstanceIds.NotFound", 404):
        delete_many(account, [instance_id], force=True, client_token="twice")
