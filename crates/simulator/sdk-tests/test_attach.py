"""AttachNetworkInterface, DetachNetworkInterface, CreateNetworkInterface, DeleteNetworkInterface."""

import pytest
from alibabacloud_ecs20140526 import models

REGION = "cn-hangzhou"
HOT_PLUG = "InvalidOperation.HotPlugNotSupport"
WITHOUT_HOT_PLUG = ["s6", "e", "t5", "t6", "n4", "mn4", "e4", "xn4"]


@pytest.fixture
def slow(settings):
    """Nothing on its way arrives before the clock is put forward."""
    settings(transitionMillis=100_000)
    return lambda: settings(transitionMillis=100_000, clockOffsetSeconds=101)


def create(account, **request):
    request = {"region_id": REGION, "security_group_id": "sg-a", **request}
    return account.ecs.create_network_interface(models.CreateNetworkInterfaceRequest(**request)).body


@pytest.fixture
def v_switch(account):
    """A vSwitch that something is in."""
    account.seed(vSwitchId="vsw-a", vpcId="vpc-a", zoneId=f"{REGION}-b")
    return "vsw-a"


# Attach


def test_an_attach_is_accepted_and_arrives_later(account, slow):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces()
    assert account.attach(interface_id, instance_id).request_id
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id) == ("Attaching", instance_id)
    assert len(account.only(instance_id).network_interfaces.network_interface) == 1
    slow()
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id, item.type) == ("InUse", instance_id, "Secondary")
    shown = account.only(instance_id).network_interfaces.network_interface
    assert [i.network_interface_id for i in shown] == account.interface_ids_of(instance_id)
    assert len(shown) == 2


def test_without_a_setting_it_takes_a_moment(account):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces()
    account.attach(interface_id, instance_id)
    assert account.only_interface(interface_id).status == "Attaching"
    assert account.settled(interface_id).status == "InUse"


def test_an_attach_can_be_accepted_and_fail(account, slow):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces()
    account.fault("AttachNetworkInterface", "failLater", interface_id=interface_id)
    account.attach(interface_id, instance_id)
    assert account.only_interface(interface_id).status == "Attaching"
    slow()
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id) == ("Available", "")
    assert len(account.interface_ids_of(instance_id)) == 1


def test_a_repeated_attach_is_refused_by_the_state(account, refused):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces()
    account.attach(interface_id, instance_id)
    with refused("InvalidOperation.InvalidEniState", 400):
        account.attach(interface_id, instance_id)
    account.settled(interface_id)
    with refused("InvalidOperation.InvalidEniState", 400):
        account.attach(interface_id, instance_id)


def test_a_lost_answer_of_an_attach_leaves_the_effect(account):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces()
    account.fault("AttachNetworkInterface", "dropAfter", times=1)
    with pytest.raises(Exception):
        account.attach(interface_id, instance_id)
    assert account.settled(interface_id).instance_id == instance_id


def test_what_is_in_use_by_another_instance_can_not_be_attached(account, refused):
    (first,), (second,) = account.seed(networkInterfaces=[{}]), account.seed()
    with refused("InvalidOperation.InvalidEniState", 400):
        account.attach(account.interface_ids_of(first)[1], second)


@pytest.mark.parametrize(
    "seed, code, status",
    [
        ({"status": "Detaching"}, "InvalidOperation.InvalidEniState", 400),
        ({"status": "Deleting"}, "InvalidOperation.InvalidEniState", 400),
        ({"zoneId": f"{REGION}-i"}, "InvalidOperation.AvailabilityZoneMismatch", 403),
        ({"vpcId": "vpc-other"}, "InvalidOperation.VpcMismatch", 403),
        ({"serviceManaged": True}, "InvalidOperation.EniServiceManaged", 403),
        ({"type": "Trunk"}, "InvalidOperation.InvalidEniType", 403),
        ({"type": "Member"}, "InvalidOperation.InvalidEniType", 403),
        ({"regionId": "cn-beijing"}, "InvalidEniId.NotFound", 404),
    ],
)
def test_interfaces_that_can_not_be_attached(account, refused, seed, code, status):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces(**seed)
    with refused(code, status):
        account.attach(interface_id, instance_id)
    assert len(account.interface_ids_of(instance_id)) == 1


@pytest.mark.parametrize(
    "seed, code, status",
    [
        ({"status": "Pending"}, "InvalidOperation.InvalidEcsState", 400),
        ({"status": "Starting"}, "InvalidOperation.InvalidEcsState", 400),
        ({"status": "Stopping"}, "InvalidOperation.InvalidEcsState", 400),
        ({"locks": ["security"]}, "InvalidOperation.InvalidEcsState", 400),
        ({"networkInterfaces": [{}, {}]}, "EniPerInstanceLimitExceeded", 403),
        ({"regionId": "cn-beijing"}, "InvalidEcsId.NotFound", 404),
        ({"creationTime": "2018-03-31T00:00:00Z"}, HOT_PLUG, 403),
        *[({"instanceType": f"ecs.{f}.large"}, HOT_PLUG, 403) for f in WITHOUT_HOT_PLUG],
    ],
)
def test_instances_that_take_none(account, refused, seed, code, status):
    (instance_id,) = account.seed(**seed)
    (interface_id,) = account.seed_interfaces()
    with refused(code, status):
        account.attach(interface_id, instance_id)
    assert account.interface(interface_id)["status"] == "Available"


@pytest.mark.parametrize(
    "seed",
    [
        {"status": "Stopped"},
        {"creationTime": "2018-03-31T00:00:00Z", "status": "Stopped"},
        {"creationTime": "2018-04-01T00:00:00Z"},
        *[{"instanceType": f"ecs.{family}.large", "status": "Stopped"} for family in WITHOUT_HOT_PLUG],
    ],
)
def test_instances_that_take_some(account, seed):
    (instance_id,) = account.seed(**seed)
    (interface_id,) = account.seed_interfaces()
    account.attach(interface_id, instance_id)
    assert account.settled(interface_id).status == "InUse"
    account.detach(interface_id, instance_id)
    assert account.settled(interface_id).status == "Available"


def test_the_quota_counts_what_is_on_its_way_and_can_be_set(account, settings, slow, refused):
    (instance_id,) = account.seed()
    first, second, third = account.seed_interfaces(count=3)
    account.attach(first, instance_id)
    account.attach(second, instance_id)
    with refused("EniPerInstanceLimitExceeded", 403):
        account.attach(third, instance_id)
    settings(interfacesPerInstance=4)
    account.attach(third, instance_id)


def test_attach_has_its_mandatory_parameters_and_one_that_nobody_may_use(account, refused):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces()
    for ids in ((None, instance_id), (interface_id, None)):
        with refused("MissingParameter", 400):
            account.attach(*ids)
        with refused("MissingParameter", 400):
            account.detach(*ids)
    with refused("UnsupportedParameter", 400):
        account.attach(interface_id, instance_id, trunk_network_instance_id="eni-trunk")
    with refused("InvalidEcsId.NotFound", 404):
        account.attach(interface_id, "i-unknown")
    with refused("InvalidEniId.NotFound", 404):
        account.attach("eni-unknown", instance_id)


# Detach


def test_a_detach_is_accepted_and_done_later(account, slow):
    (instance_id,) = account.seed(networkInterfaces=[{"deleteOnRelease": False}])
    interface_id = account.interface_ids_of(instance_id)[1]
    assert account.detach(interface_id, instance_id).request_id
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id) == ("Detaching", instance_id)
    assert len(account.only(instance_id).network_interfaces.network_interface) == 2
    slow()
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id, item.delete_on_release) == ("Available", "", False)
    assert len(account.only(instance_id).network_interfaces.network_interface) == 1


def test_a_detach_can_be_accepted_and_fail(account, slow):
    (instance_id,) = account.seed(networkInterfaces=[{}])
    interface_id = account.interface_ids_of(instance_id)[1]
    account.fault("DetachNetworkInterface", "failLater")
    account.detach(interface_id, instance_id)
    slow()
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id) == ("InUse", instance_id)


def test_interfaces_that_can_not_be_detached(account, refused):
    (instance_id,) = account.seed(networkInterfaces=[{"serviceManaged": True}, {}])
    (other,) = account.seed()
    (free,) = account.seed_interfaces()
    primary, managed, secondary = account.interface_ids_of(instance_id)
    with refused("InvalidOperation.DetachPrimaryEniNotAllowed", 400):
        account.detach(primary, instance_id)
    with refused("InvalidOperation.EniServiceManaged", 403):
        account.detach(managed, instance_id)
    for interface_id, named in ((secondary, other), (free, instance_id)):
        with refused("InvalidParameter.EniNotBelongEcs", 400):
            account.detach(interface_id, named)
    with refused("UnsupportedParameter", 400):
        account.detach(secondary, instance_id, trunk_network_instance_id="eni-trunk")


def test_an_interface_on_its_way_from_an_instance_is_detached_again_by_the_same_call(account, settings):
    settings(transitionMillis=0)
    (instance_id,) = account.seed(networkInterfaces=[{"status": "Detaching"}])
    interface_id = account.interface_ids_of(instance_id)[1]
    account.detach(interface_id, instance_id)
    item = account.only_interface(interface_id)
    assert (item.status, item.instance_id) == ("Available", "")


@pytest.mark.parametrize(
    "seed, code, status",
    [
        *[({"instanceType": f"ecs.{f}.large"}, HOT_PLUG, 403) for f in WITHOUT_HOT_PLUG],
        ({"creationTime": "2018-03-31T00:00:00Z"}, HOT_PLUG, 403),
        ({"status": "Stopping"}, "InvalidOperation.InvalidEcsState", 400),
    ],
)
def test_instances_that_give_none_away(account, refused, seed, code, status):
    (instance_id,) = account.seed(networkInterfaces=[{}], **seed)
    with refused(code, status):
        account.detach(account.interface_ids_of(instance_id)[1], instance_id)


# The flag on its way from instance to instance


@pytest.mark.parametrize("survives", [False, True])
def test_the_flag_after_detach_and_attach_is_a_setting_and_lost_without_it(account, settings, survives):
    settings(flagSurvivesReattach=survives, transitionMillis=0)
    (instance_id,) = account.seed(networkInterfaces=[{"deleteOnRelease": False}])
    interface_id = account.interface_ids_of(instance_id)[1]
    account.detach(interface_id, instance_id)
    assert account.only_interface(interface_id).delete_on_release is False
    account.attach(interface_id, instance_id)
    assert account.only_interface(interface_id).delete_on_release is not survives


def test_a_first_attach_changes_no_flag(account, settings):
    settings(transitionMillis=0)
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces(deleteOnRelease=False)
    account.attach(interface_id, instance_id)
    assert account.only_interface(interface_id).delete_on_release is False


# Create


def test_a_new_interface_is_free_and_goes_with_its_first_instance(account, v_switch):
    made = create(account, v_switch_id=v_switch)
    assert (made.status, made.type, made.service_managed) == ("Available", "Secondary", False)
    assert (made.v_switch_id, made.vpc_id, made.zone_id) == ("vsw-a", "vpc-a", f"{REGION}-b")
    assert made.security_group_ids.security_group_id == ["sg-a"]
    assert made.owner_id == account.id and made.mac_address and made.private_ip_address
    item = account.only_interface(made.network_interface_id)
    assert (item.status, item.delete_on_release) == ("Available", True)


COUNTED = ("ipv_6address", "ipv_4prefix", "ipv_6prefix")


def test_a_new_interface_is_as_it_was_asked_for(account, v_switch):
    made = create(
        account,
        v_switch_id=v_switch,
        security_group_id=None,
        security_group_ids=["sg-a", "sg-b"],
        delete_on_release=False,
        network_interface_name="front",
        description="httpd front end",
        source_dest_check=True,
        queue_number=8,
        primary_ip_address="10.200.0.1",
        secondary_private_ip_address_count=2,
        ipv_6address_count=1,
        ipv_4prefix_count=1,
        ipv_6prefix=["2001:db8:1::/80"],
        resource_group_id="rg-a",
        network_interface_traffic_mode="HighPerformance",
        tag=[models.CreateNetworkInterfaceRequestTag(key="env", value="prod")],
    )
    assert len(made.private_ip_sets.private_ip_set) == 3
    assert len(made.ipv_6sets.ipv_6set) == len(made.ipv_4prefix_sets.ipv_4prefix_set) == 1
    item = account.only_interface(made.network_interface_id)
    assert item.delete_on_release is False
    assert (item.network_interface_name, item.description) == ("front", "httpd front end")
    assert (item.source_dest_check, item.queue_number) == (True, 8)
    assert (item.private_ip_address, item.resource_group_id) == ("10.200.0.1", "rg-a")
    assert item.network_interface_traffic_mode == "HighPerformance"
    assert item.security_group_ids.security_group_id == ["sg-a", "sg-b"]
    assert [p.ipv_6prefix for p in item.ipv_6prefix_sets.ipv_6prefix_set] == ["2001:db8:1::/80"]
    assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("env", "prod")]


def test_creations_that_are_refused(account, v_switch, refused, settings):
    tag = models.CreateNetworkInterfaceRequestTag
    for code, status, request in [
        ("MissingParameter", 400, {"v_switch_id": None}),
        ("MissingParameter", 400, {"security_group_id": None}),
        ("InvalidParameter.Conflict", 400, {"security_group_ids": ["sg-b"]}),
        ("InvalidVSwitchId.NotFound", 404, {"v_switch_id": "vsw-unknown"}),
        ("InvalidVSwitchId.NotFound", 404, {"region_id": "cn-beijing"}),
        ("UnsupportedParameter", 400, {"instance_type": "Trunk"}),
        ("InvalidParameter", 400, {"network_interface_name": "x"}),
        ("InvalidParameter", 400, {"network_interface_traffic_mode": "Slow"}),
        *[("InvalidParameter", 400, {f"{what}_count": n}) for what in COUNTED for n in (0, 11)],
        ("InvalidParameter", 400, {"secondary_private_ip_address_count": 50}),
        *[("InvalidParameter", 400, {"queue_number": n}) for n in (0, 2049)],
        ("InvalidParameter", 400, {"description": "https://x.example"}),
        ("UnsupportedParameter", 400, {"queue_pair_number": 1}),
        ("InvalidParameter", 400, {"ipv_4prefix": ["10.0.0.0/28"] * 11}),
        ("InvalidParameter.Conflict", 400, {"ipv_6address": ["2001:db8::1"], "ipv_6address_count": 1}),
        ("InvalidTagKey.Malformed", 400, {"tag": [tag(key="acs:x", value="y")]}),
        ("InvalidParameter", 400, {"client_token": "x" * 65}),
    ]:
        with refused(code, status):
            create(account, **{"v_switch_id": v_switch, **request})
    settings(interfacesPerRegion=1)
    with refused("MaxEniCountExceeded", 403):
        create(account, v_switch_id=v_switch)
    assert len(account.interface_ids()) == 1


def test_a_client_token_makes_a_creation_repeatable(account, v_switch, refused):
    first = create(account, v_switch_id=v_switch, client_token="once")
    again = create(account, v_switch_id=v_switch, client_token="once")
    assert first.network_interface_id == again.network_interface_id
    with refused("IdempotentParameterMismatch", 403):
        create(account, v_switch_id=v_switch, client_token="once", description="another")
    assert len(account.interface_ids(status="Available")) == 1


# Delete


def test_a_free_interface_is_deleted_after_a_while(account, slow, refused):
    (interface_id,) = account.seed_interfaces()
    assert account.delete_interface(interface_id).request_id
    assert account.only_interface(interface_id).status == "Deleting"
    with refused("InvalidOperation.InvalidEniState", 400):
        account.delete_interface(interface_id)
    slow()
    assert account.interface_ids(network_interface_id=[interface_id]) == []
    with refused("InvalidEniId.NotFound", 404):
        account.delete_interface(interface_id)


def test_a_deletion_that_is_stuck_can_be_asked_for_again(account, settings):
    settings(transitionMillis=0)
    (interface_id,) = account.seed_interfaces()
    account.fault("DeleteNetworkInterface", "failLater", times=1)
    account.delete_interface(interface_id)
    assert account.only_interface(interface_id).status == "Deleting"
    account.delete_interface(interface_id)
    assert account.interface_ids() == []


def test_interfaces_that_can_not_be_deleted(account, refused):
    (instance_id,) = account.seed(networkInterfaces=[{}])
    for interface_id in account.interface_ids_of(instance_id):
        with refused("InvalidOperation.InvalidEniState", 400):
            account.delete_interface(interface_id)
    (managed,) = account.seed_interfaces(serviceManaged=True)
    with refused("InvalidOperation.EniServiceManaged", 403):
        account.delete_interface(managed)
    with refused("InvalidEniId.NotFound", 404):
        account.delete_interface(managed, "cn-beijing")
    with refused("MissingParameter", 400):
        account.delete_interface(None)


def test_an_eip_is_unbound_when_its_interface_is_deleted(account, settings):
    settings(transitionMillis=0)
    eips = [{"allocationId": "eip-1", "publicIpAddress": "203.0.113.1"}]
    (interface_id,) = account.seed_interfaces(eips=eips)
    assert account.unbound_eips() == []
    account.delete_interface(interface_id)
    assert account.unbound_eips() == ["203.0.113.1"]
