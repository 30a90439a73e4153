"""ModifyInstanceAttribute: what can be protected, and what else the operation can do."""

import pytest


def test_protection_is_switched_on_and_off(account):
    (instance_id,) = account.seed()
    assert account.protect(instance_id).request_id
    assert account.only(instance_id).deletion_protection is True
    account.protect(instance_id, False)
    assert account.only(instance_id).deletion_protection is False


def test_the_sdks_spelling_of_true_arrives(account):
    (instance_id,) = account.seed()
    account.protect(instance_id)
    (entry,) = account.log("ModifyInstanceAttribute")
    assert entry["parameters"] == {"InstanceId": instance_id, "DeletionProtection": "True"}
    assert (entry["code"], entry["mutated"], entry["account"]) == ("OK", True, account.id)
    assert entry["acsDate"].endswith("Z")


def test_a_value_that_stands_already_is_set_again_without_an_error(account):
    (instance_id,) = account.seed(deletionProtection=True)
    account.protect(instance_id)
    (entry,) = account.log("ModifyInstanceAttribute")
    assert entry["mutated"] is False


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("seed", [{"instanceChargeType": "PrePaid"}, {"spotStrategy": "SpotAsPriceGo"}])
def test_subscription_and_spot_instances_have_no_protection(account, refused, seed, on):
    (instance_id,) = account.seed(**seed)
    with refused("InvalidChargeType.ValueNotSupported", 403):
        account.protect(instance_id, on)


@pytest.mark.parametrize("status", ["Pending", "Starting", "Stopping"])
def test_an_instance_in_motion_is_refused(account, refused, status):
    (instance_id,) = account.seed(status=status)
    with refused("IncorrectInstanceStatus", 403):
        account.protect(instance_id)


def test_a_stopped_instance_can_be_protected(account):
    (instance_id,) = account.seed(status="Stopped")
    account.protect(instance_id)
    assert account.instance(instance_id)["deletionProtection"] is True


def test_a_security_lock_forbids_and_a_financial_one_does_not(account, refused):
    (secure,) = account.seed(locks=["security"])
    (overdue,) = account.seed(locks=["financial"])
    with refused("InstanceLockedForSecurity", 403):
        account.protect(secure)
    account.protect(overdue)


def test_an_unknown_id_and_a_foreign_one_look_the_same(account, other_account, refused):
    (foreign,) = other_account.seed()
    for instance_id in ("i-unknown", foreign):
        with refused("InvalidInstanceId.NotFound", 404):
            account.protect(instance_id)


def test_the_endpoint_alone_decides_the_region(account, settings, refused):
    (here,) = account.seed(regionId="cn-beijing")
    (elsewhere,) = account.seed(regionId="cn-shanghai")
    settings(region="cn-beijing")
    account.protect(here)
    with refused("InvalidInstanceId.NotFound", 404):
        account.protect(elsewhere)
    with refused("NotSupportedEndpoint", 400):
        account.describe(region_id="cn-shanghai")


def test_the_other_attributes_are_the_operations_too_and_passwords_stay_out_of_the_log(account):
    (instance_id,) = account.seed()
    account.modify(instance_id, instance_name="web-1", host_name="web-1", description="a web server", password="Secret-1234")
    item = account.only(instance_id)
    assert (item.instance_name, item.host_name, item.description) == ("web-1", "web-1", "a web server")
    (entry,) = account.log("ModifyInstanceAttribute")
    assert entry["parameters"]["Password"] == "***"


@pytest.mark.parametrize(
    "attributes", [{"instance_name": "1web"}, {"password": "short"}, {"credit_specification": "Free"}]
)
def test_bad_values_are_refused(account, refused, attributes):
    (instance_id,) = account.seed()
    with refused("InvalidParameter", 400):
        account.modify(instance_id, **attributes)


def test_a_call_must_say_which_instance_and_what(account, refused):
    (instance_id,) = account.seed()
    with refused("MissingParameter", 400):
        account.modify(None, deletion_protection=True)
    with refused("MissingParameter", 400):
        account.modify(instance_id)


def test_a_lost_permission_is_forbidden_with_details(account, refused):
    (instance_id,) = account.seed()
    account.fault("ModifyInstanceAttribute", "deny")
    with refused("Forbidden.RAM", 403) as refusal:
        account.protect(instance_id)
    detail = refusal.error.access_denied_detail
    assert detail["AuthAction"] == "ecs:ModifyInstanceAttribute"
    assert detail["NoPermissionType"] == "ImplicitDeny"
    assert detail["EncodedDiagnosticMessage"]
    assert account.instance(instance_id)["deletionProtection"] is False
