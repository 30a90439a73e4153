"""What a release keeps and takes along, and where what it keeps can go: other instances, and new ones.

The table of the vendor's page on the retention of network interfaces, line by line and in both columns.
"""

import pytest
from alibabacloud_ecs20140526 import models

REGION = "cn-hangzhou"
CARRIED = {
    "primaryIpAddress": "10.200.0.1",
    "privateIpAddresses": ["10.200.0.2"],
    "ipv6Addresses": ["2001:db8::1"],
    "ipv6Bandwidth": 100,
    "ipv4Prefixes": ["10.201.0.0/28"],
    "ipv6Prefixes": ["2001:db8:1::/80"],
    "eips": [
        {"allocationId": "eip-1", "publicIpAddress": "203.0.113.1"},
        {"allocationId": "eip-2", "publicIpAddress": "203.0.113.2", "privateIpAddress": "10.200.0.2"},
    ],
    "routes": ["192.168.7.0/24"],
    "securityGroupIds": ["sg-a", "sg-b"],
    "tags": {"env": "prod"},
}
NEEDED = {"region_id": REGION, "image_id": "aliyun_3", "instance_type": "ecs.g7.large"}
New = models.RunInstancesRequestNetworkInterface


def run(account, *interfaces, **request):
    request = models.RunInstancesRequest(network_interface=list(interfaces), **{**NEEDED, **request})
    return account.ecs.run_instances(request).body.instance_id_sets.instance_id_set


def released(account):
    (one,) = account.control("GET", f"/accounts/{account.id}/released")["released"]
    return one


@pytest.fixture(params=["Primary", "Secondary"])
def carrier(account, request):
    """An instance and an interface of it that carries everything."""
    (instance_id,) = account.seed(networkInterfaces=[{"type": request.param, **CARRIED}])
    interface_id = account.interface_ids_of(instance_id)[0 if request.param == "Primary" else 1]
    return instance_id, interface_id


# With the flag: everything goes


def test_with_the_flag_the_interface_goes_and_only_unbound_eips_are_left(account, carrier):
    instance_id, interface_id = carrier
    account.delete(instance_id, force=True)
    assert account.interface_ids() == []
    assert account.unbound_eips() == ["203.0.113.1", "203.0.113.2"]
    everything = account.control("GET", f"/accounts/{account.id}/network-interfaces")["networkInterfaces"]
    assert everything == [], "addresses, prefixes, security groups and route entries are gone with it"
    assert interface_id in released(account)["deletedNetworkInterfaces"]


# Without it: everything stays


@pytest.fixture
def survivor(account, carrier):
    instance_id, interface_id = carrier
    account.retain(interface_id)
    account.delete(instance_id, force=True)
    return account.only_interface(interface_id)


def test_the_interface_is_free_at_once(survivor):
    assert (survivor.status, survivor.instance_id) == ("Available", "")
    assert survivor.attachment.instance_id is None


def test_a_retained_primary_becomes_secondary(survivor):
    assert survivor.type == "Secondary"


def test_private_addresses_stay(survivor):
    addresses = [(ip.private_ip_address, ip.primary) for ip in survivor.private_ip_sets.private_ip_set]
    assert addresses == [("10.200.0.1", True), ("10.200.0.2", False)]
    assert survivor.private_ip_address == "10.200.0.1"
    assert [six.ipv_6address for six in survivor.ipv_6sets.ipv_6set] == ["2001:db8::1"]


def test_prefixes_stay(survivor):
    assert [p.ipv_4prefix for p in survivor.ipv_4prefix_sets.ipv_4prefix_set] == ["10.201.0.0/28"]
    assert [p.ipv_6prefix for p in survivor.ipv_6prefix_sets.ipv_6prefix_set] == ["2001:db8:1::/80"]


def test_eips_stay_bound(account, survivor):
    bound = [ip.associated_public_ip.public_ip_address for ip in survivor.private_ip_sets.private_ip_set]
    assert bound == ["203.0.113.1", "203.0.113.2"]
    assert survivor.associated_public_ip.allocation_id == "eip-1"
    assert account.unbound_eips() == []


def test_security_groups_and_tags_stay(survivor):
    assert survivor.security_group_ids.security_group_id == ["sg-a", "sg-b"]
    assert [(tag.tag_key, tag.tag_value) for tag in survivor.tags.tag] == [("env", "prod")]


def test_route_entries_and_ipv6_bandwidth_stay(account, survivor):
    truth = account.interface(survivor.network_interface_id)
    assert (truth["routes"], truth["ipv6Bandwidth"]) == (["192.168.7.0/24"], 100)


def test_it_stays_in_its_zone_and_vpc_and_keeps_the_flag(account, survivor):
    assert survivor.zone_id == f"{REGION}-h" and survivor.vpc_id.startswith("vpc-")
    assert survivor.delete_on_release is False
    truth = account.interface(survivor.network_interface_id)
    assert truth["lastInstanceId"] == released(account)["instanceId"]
    assert released(account)["keptNetworkInterfaces"] == [survivor.network_interface_id]


def test_each_interface_has_a_flag_of_its_own(account):
    (instance_id,) = account.seed(networkInterfaces=[{}, {}])
    primary, kept, lost = account.interface_ids_of(instance_id)
    account.retain(kept)
    account.delete(instance_id, force=True)
    assert account.interface_ids() == [kept]
    assert sorted(released(account)["deletedNetworkInterfaces"]) == sorted([primary, lost])


def test_outside_the_regions_the_primary_goes_and_a_secondary_can_stay(account, refused):
    region = "me-east-1"
    (instance_id,) = account.seed(regionId=region, networkInterfaces=[{}])
    primary, secondary = account.interface_ids_of(instance_id)
    with refused("InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc", 404):
        account.retain(primary, region)
    account.retain(secondary, region)
    # Even a flag that came from somewhere else keeps no primary interface there.
    account.change_interface(primary, deleteOnRelease=False)
    account.delete(instance_id, force=True)
    assert account.interface_ids(region_id=region) == [secondary]


@pytest.mark.parametrize("reason", ["overdue", "autoRelease", "compliance", "scalingGroup", "spotReclaim"])
@pytest.mark.parametrize("honoured", [False, True])
def test_releases_of_other_kinds_keep_nothing_unless_told_so(account, settings, reason, honoured):
    settings(retentionAlsoOn=[reason] if honoured else [])
    (instance_id,) = account.seed(networkInterfaces=[{"deleteOnRelease": False, **CARRIED}])
    kept = account.interface_ids_of(instance_id)[1]
    account.release(instance_id, reason)
    assert account.interface_ids() == ([kept] if honoured else [])
    assert len(account.unbound_eips()) == (0 if honoured else 2)


def test_a_release_takes_an_interface_that_is_still_on_its_way(account):
    (instance_id,) = account.seed()
    going, staying = account.seed_interfaces(), account.seed_interfaces(deleteOnRelease=False)
    for (interface_id,) in (going, staying):
        account.attach(interface_id, instance_id)
    account.delete(instance_id, force=True)
    assert account.interface_ids() == staying
    assert account.settled(staying[0]).status == "Available"


# A second life


def test_a_survivor_is_attached_to_another_instance(account, survivor):
    (other,) = account.seed()
    account.attach(survivor.network_interface_id, other)
    item = account.settled(survivor.network_interface_id)
    assert (item.status, item.instance_id, item.private_ip_address) == ("InUse", other, "10.200.0.1")
    assert item.associated_public_ip.public_ip_address == "203.0.113.1"
    assert item.delete_on_release is True, "the flag is lost by default"


def test_a_survivor_becomes_the_primary_interface_of_a_new_instance(account, survivor):
    (new,) = run(account, New(network_interface_id=survivor.network_interface_id, instance_type="Primary"))
    item = account.only_interface(survivor.network_interface_id)
    assert (item.type, item.status, item.instance_id) == ("Primary", "InUse", new)
    assert item.delete_on_release is True, "a new instance's primary interface goes with it"
    assert item.associated_public_ip.public_ip_address == "203.0.113.1"
    shown = account.only(new)
    assert shown.vpc_attributes.private_ip_address.ip_address == ["10.200.0.1"]
    assert shown.vpc_attributes.v_switch_id == item.v_switch_id
    assert (shown.zone_id, shown.eip_address.ip_address) == (item.zone_id, "203.0.113.1")
    assert shown.security_group_ids.security_group_id == ["sg-a", "sg-b"]
    assert account.interface_ids() == [survivor.network_interface_id]


def test_the_older_text_knows_existing_interfaces_as_secondary_only(account, survivor, settings, refused):
    settings(refuseExistingPrimary=True)
    interface_id = survivor.network_interface_id
    with refused("InvalidOperation.InvalidEniType", 403):
        run(account, New(network_interface_id=interface_id, instance_type="Primary"))
    (new,) = run(account, New(network_interface_id=interface_id, instance_type="Secondary"))
    assert account.only_interface(interface_id).instance_id == new


@pytest.mark.parametrize("asked, given", [(None, True), (True, True), (False, False)])
def test_a_survivor_becomes_a_secondary_interface_of_a_new_instance(account, survivor, asked, given):
    (new,) = run(account, New(network_interface_id=survivor.network_interface_id, delete_on_release=asked))
    item = account.only_interface(survivor.network_interface_id)
    assert (item.type, item.status, item.instance_id) == ("Secondary", "InUse", new)
    assert item.delete_on_release is given
    types = [i.type for i in account.only(new).network_interfaces.network_interface]
    assert types == ["Primary", "Secondary"]


@pytest.mark.parametrize("kind", ["Primary", "Secondary"])
@pytest.mark.parametrize(
    "seed, request_, code, status",
    [
        ({}, {"amount": 2}, "InvalidAmount", 400),
        ({}, {"zone_id": f"{REGION}-i"}, "InvalidOperation.AvailabilityZoneMismatch", 403),
        ({"status": "Attaching"}, {}, "InvalidOperation.InvalidEniState", 400),
        ({"serviceManaged": True}, {}, "InvalidOperation.EniServiceManaged", 403),
        ({"type": "Trunk"}, {}, "InvalidOperation.InvalidEniType", 403),
        ({"regionId": "cn-beijing"}, {}, "InvalidEniId.NotFound", 404),
    ],
)
def test_existing_interfaces_that_a_new_instance_can_not_have(account, refused, kind, seed, request_, code, status):
    (interface_id,) = account.seed_interfaces(**seed)
    with refused(code, status):
        run(account, New(network_interface_id=interface_id, instance_type=kind), **request_)
    assert account.ids() == []
    assert account.interface(interface_id)["instanceId"] is None


def test_an_existing_interface_is_given_once(account, refused):
    (interface_id,) = account.seed_interfaces()
    with refused("InvalidParameter", 400):
        run(account, *[New(network_interface_id=interface_id, instance_type=t) for t in ("Primary", "Secondary")])


def test_a_secondary_interface_of_another_vpc_is_refused(account, refused):
    (interface_id,) = account.seed_interfaces(vpcId="vpc-other", vSwitchId="vsw-other")
    with refused("InvalidOperation.VpcMismatch", 403):
        run(account, New(network_interface_id=interface_id))


def test_one_in_use_by_another_instance_is_refused(account, refused):
    (other,) = account.seed(networkInterfaces=[{}])
    for interface_id in account.interface_ids_of(other):
        with refused("InvalidOperation.InvalidEniState", 400):
            run(account, New(network_interface_id=interface_id))


# New interfaces of new instances


def test_new_instances_have_primary_interfaces_that_go_with_them(account):
    ids = run(account, amount=3)
    items = account.interfaces(type="Primary").network_interface_sets.network_interface_set
    assert sorted(item.instance_id for item in items) == sorted(ids)
    assert all(item.delete_on_release is True for item in items)


def test_interfaces_are_made_with_the_instance(account):
    ids = run(
        account,
        New(network_interface_name="kept", delete_on_release=False, security_group_id="sg-x"),
        New(network_interface_name="first", instance_type="Primary", delete_on_release=False),
        amount=2,
    )
    for instance_id in ids:
        items = account.interfaces(instance_id=instance_id).network_interface_sets.network_interface_set
        found = {item.network_interface_name: (item.type, item.delete_on_release) for item in items}
        # The flag is described for secondary interfaces only: a primary one is born to go with its instance.
        assert found == {"first": ("Primary", True), "kept": ("Secondary", False)}
    (kept, _) = account.interfaces(network_interface_name="kept").network_interface_sets.network_interface_set
    assert kept.security_group_ids.security_group_id == ["sg-x"]


def test_parameters_that_a_primary_interface_of_ones_own_excludes(account, refused):
    for request in (
        {"v_switch_id": "vsw-a"},
        {"security_group_id": "sg-a"},
        {"security_group_ids": ["sg-a"]},
        {"private_ip_address": "10.0.0.1"},
        {"network_interface_queue_number": 2},
    ):
        with refused("InvalidParameter.Conflict", 400):
            run(account, New(instance_type="Primary"), **request)


def test_an_existing_interface_takes_no_parameters_of_creation(account, refused):
    (interface_id,) = account.seed_interfaces()
    for request in ({"primary_ip_address": "10.200.0.9"}, {"description": "of the web"}, {"security_group_id": "sg-x"}):
        with refused("InvalidParameter.Conflict", 400):
            run(account, New(network_interface_id=interface_id, **request))
    assert account.interface(interface_id)["status"] == "Available"


def test_only_a_primary_interface_is_born_with_ipv6_addresses(account, refused):
    for request in ({"ipv_6address": ["2001:db8::9"]}, {"ipv_6address_count": 1}):
        with refused("InvalidParameter.Conflict", 400):
            run(account, New(**request))
    (instance_id,) = run(account, New(instance_type="Primary", ipv_6address=["2001:db8::9"]))
    (interface_id,) = account.interface_ids_of(instance_id)
    assert account.interface(interface_id)["ipv6Addresses"] == ["2001:db8::9"]


def test_interfaces_that_no_new_instance_can_have(account, refused, settings):
    with refused("InvalidParameter", 400):
        run(account, New(instance_type="Tertiary"))
    with refused("InvalidParameter", 400):
        run(account, New(instance_type="Primary"), New(instance_type="Primary"))
    with refused("InvalidVSwitchId.NotFound", 404):
        run(account, New(v_switch_id="vsw-unknown"))
    account.seed_interfaces(zoneId=f"{REGION}-i", vSwitchId="vsw-i")
    with refused("InvalidOperation.AvailabilityZoneMismatch", 403):
        run(account, New(v_switch_id="vsw-i"))
    secondary = New(instance_type="Secondary")
    with refused("EniPerInstanceLimitExceeded", 403):
        run(account, secondary, secondary, secondary)
    settings(interfacesPerRegion=4)
    with refused("MaxEniCountExceeded", 403):
        run(account, secondary, amount=2)
    assert account.ids() == []
    run(account, secondary)
    assert len(account.interface_ids()) == 3


def test_a_vswitch_of_another_zone_is_refused(account, refused):
    account.seed(vSwitchId="vsw-a", vpcId="vpc-a", zoneId=f"{REGION}-b")
    with refused("InvalidVSwitchId.NotFound", 404):
        run(account, v_switch_id="vsw-a", zone_id=f"{REGION}-h")
    (instance_id,) = run(account, v_switch_id="vsw-a")
    item = account.only(instance_id)
    assert (item.zone_id, item.vpc_attributes.vpc_id) == (f"{REGION}-b", "vpc-a")


def test_a_dry_run_takes_no_interface(account, refused):
    (interface_id,) = account.seed_interfaces()
    with refused("DryRunOperation", 400):
        run(account, New(network_interface_id=interface_id), dry_run=True)
    assert account.interface(interface_id)["status"] == "Available"
