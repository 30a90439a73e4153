"""RunInstances, CreateInstance, ModifyInstanceAutoReleaseTime."""

import datetime

import pytest
from alibabacloud_ecs20140526 import models

REGION = "cn-hangzhou"
NEEDED = {"region_id": REGION, "image_id": "aliyun_3", "instance_type": "ecs.g7.large"}


def run(account, **request):
    body = account.ecs.run_instances(models.RunInstancesRequest(**{**NEEDED, **request})).body
    return body.instance_id_sets.instance_id_set


def create(account, **request):
    return account.ecs.create_instance(models.CreateInstanceRequest(**{**NEEDED, **request})).body.instance_id


def auto_release(account, instance_id, time=None):
    request = models.ModifyInstanceAutoReleaseTimeRequest(instance_id=instance_id, auto_release_time=time)
    return account.ecs.modify_instance_auto_release_time(request).body


def ahead(**delta):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_instances_are_made_protected_and_tagged(account):
    tags = [models.RunInstancesRequestTag(key="env", value="prod")]
    ids = run(account, amount=3, deletion_protection=True, tag=tags, instance_name="web")
    assert len(set(ids)) == 3
    for instance_id in ids:
        item = account.only(instance_id)
        assert item.deletion_protection is True
        assert (item.instance_name, item.status) == ("web", "Running")
        assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("env", "prod")]


def test_protection_is_off_unless_asked_for(account):
    (instance_id,) = run(account)
    assert account.only(instance_id).deletion_protection is False


def test_create_instance_leaves_it_stopped(account):
    instance_id = create(account, deletion_protection=True)
    item = account.only(instance_id)
    assert (item.status, item.deletion_protection) == ("Stopped", True)


def test_a_new_instance_is_pending_for_a_while(account, settings, refused):
    settings(bootSeconds=3600)
    (instance_id,) = run(account)
    assert account.only(instance_id).status == "Pending"
    with refused("IncorrectInstanceStatus", 403):
        account.protect(instance_id)
    with refused("IncorrectInstanceStatus.Initializing", 403):
        account.delete(instance_id, force=True)


def test_subscription_and_spot_instances_can_not_be_born_protected(account, refused):
    for request in ({"instance_charge_type": "PrePaid", "period": 1}, {"spot_strategy": "SpotAsPriceGo"}):
        with refused("InvalidChargeType.ValueNotSupported", 403):
            run(account, deletion_protection=True, **request)
    (subscription,) = run(account, instance_charge_type="PrePaid", period=1)
    (spot,) = run(account, spot_strategy="SpotAsPriceGo")
    assert account.only(subscription).instance_charge_type == "PrePaid"
    assert account.only(subscription).expired_time < "2099"
    assert (account.only(spot).instance_charge_type, account.only(spot).spot_strategy) == ("PostPaid", "SpotAsPriceGo")


def test_a_client_token_makes_a_call_repeatable(account, refused):
    first = run(account, amount=2, client_token="token-1")
    assert run(account, amount=2, client_token="token-1") == first
    assert len(account.ids(max_results=100)) == 2
    with refused("IdempotentParameterMismatch", 403):
        run(account, amount=3, client_token="token-1")
    with refused("InvalidParameter", 400):
        run(account, client_token="x" * 65)


def days_left(account, instance_id):
    item = account.only(instance_id)
    end, start = (datetime.datetime.strptime(t, "%Y-%m-%dT%H:%MZ") for t in (item.expired_time, item.creation_time))
    return (end - start).days


@pytest.mark.parametrize("period, unit, days", [(1, None, 30), (6, None, 180), (6, "Month", 180), (2, "Week", 14)])
def test_a_subscription_ends_after_its_period(account, period, unit, days):
    (instance_id,) = run(account, instance_charge_type="PrePaid", period=period, period_unit=unit)
    assert days_left(account, instance_id) == days


@pytest.mark.parametrize("period, unit", [(10, None), (0, None), (61, None), (1, "Year"), (5, "Week")])
def test_there_are_no_other_periods(account, refused, period, unit):
    with refused("InvalidParameter", 400):
        run(account, instance_charge_type="PrePaid", period=period, period_unit=unit)


def test_host_names_and_suffixes(account):
    ids = run(account, amount=2, instance_name="web", host_name="host", unique_suffix=True)
    shown = [(account.only(i).instance_name, account.only(i).host_name) for i in ids]
    assert shown == [("web001", "host001"), ("web002", "host002")]
    ids = run(account, amount=2, host_names=["one", "two"])
    assert [account.only(i).host_name for i in ids] == ["one", "two"]
    (instance_id,) = run(account, host_name="k8s-${instance_id}", image_id="another", description="httpd front end")
    item = account.only(instance_id)
    assert (item.host_name, item.image_id, item.description) == (f"k8s-{instance_id}", "another", "httpd front end")


def test_addresses_of_ones_own_choice_follow_each_other(account, refused):
    ids = run(account, amount=3, private_ip_address="10.200.0.254")
    addresses = [account.only(i).vpc_attributes.private_ip_address.ip_address for i in ids]
    assert addresses == [["10.200.0.254"], ["10.200.0.255"], ["10.200.1.0"]]
    with refused("InvalidParameter", 400):
        run(account, private_ip_address="10.200.0.256")


def test_one_security_group_or_a_list_of_them(account, refused):
    with refused("InvalidParameter.Conflict", 400):
        run(account, security_group_id="sg-a", security_group_ids=["sg-b"])
    (instance_id,) = run(account, security_group_ids=["sg-a", "sg-b"])
    assert account.only(instance_id).security_group_ids.security_group_id == ["sg-a", "sg-b"]


def test_tags_of_a_new_instance_are_its_primary_interfaces_too(account):
    tags = [models.RunInstancesRequestTag(key="env", value="prod")]
    (instance_id,) = run(account, tag=tags)
    assert account.interface(account.interface_ids_of(instance_id)[0])["tags"] == {"env": "prod"}


def test_what_is_not_simulated_is_refused_and_what_is_so_anyway_is_not(account, refused):
    disk = models.RunInstancesRequestSystemDisk(category="cloud_essd")
    for request in ({"system_disk": disk}, {"launch_template_id": "lt-a"}, {"user_data": "eA=="}, {"tenancy": "host"}):
        with refused("UnsupportedParameter", 400):
            run(account, **request)
    run(account, tenancy="default", internet_max_bandwidth_out=0, io_optimized="optimized")


@pytest.mark.parametrize("amount", [0, 101])
def test_amount_is_one_to_a_hundred(account, refused, amount):
    with refused("InvalidAmount", 400):
        run(account, amount=amount)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_what_is_mandatory_must_be_there(account, refused, name):
    with refused("MissingParameter", 400):
        run(account, **{name: None})


def test_a_dry_run_makes_nothing(account, refused):
    with refused("DryRunOperation", 400):
        run(account, dry_run=True)
    assert account.ids() == []


def test_an_automatic_release_is_set_shown_by_the_minute_and_taken_away(account):
    (instance_id,) = account.seed()
    time = ahead(hours=2)
    auto_release(account, instance_id, time)
    assert account.only(instance_id).auto_release_time == time[:16] + "Z"
    auto_release(account, instance_id)
    assert account.only(instance_id).auto_release_time == ""


def test_it_can_be_given_at_birth(account):
    time = ahead(hours=2)
    (instance_id,) = run(account, auto_release_time=time)
    assert account.only(instance_id).auto_release_time == time[:16] + "Z"


@pytest.mark.parametrize("time", [ahead(minutes=20), ahead(days=4 * 365), "tomorrow", "2099-01-01T00:00Z"])
def test_it_must_be_half_an_hour_to_three_years_ahead(account, refused, time):
    (instance_id,) = account.seed()
    with refused("InvalidAutoReleaseTime.Malformed", 400):
        auto_release(account, instance_id, time)


def test_subscriptions_have_none_and_unknown_ids_have_their_own_code(account, refused):
    (subscription,) = account.seed(instanceChargeType="PrePaid")
    with refused("ChargeTypeViolation", 403):
        auto_release(account, subscription, ahead(hours=2))
    with refused("NoSuchResource", 404):
        auto_release(account, "i-unknown", ahead(hours=2))


def test_its_time_comes_and_protection_does_not_stop_it(account, settings):
    (instance_id,) = account.seed(deletionProtection=True)
    auto_release(account, instance_id, ahead(hours=2))
    settings(clockOffsetSeconds=3 * 3600)
    (released,) = account.control("GET", f"/accounts/{account.id}/released")["released"]
    assert (released["instanceId"], released["reason"]) == (instance_id, "autoRelease")
    assert released["wasProtected"] is True
