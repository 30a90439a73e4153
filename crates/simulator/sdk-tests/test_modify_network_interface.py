"""ModifyNetworkInterfaceAttribute."""

import pytest
from alibabacloud_ecs20140526 import models

REGION = "cn-hangzhou"
NAME_ONLY = "InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc"

RETAINING = """
cn-wulanchabu cn-shenzhen cn-guangzhou cn-chengdu cn-hongkong cn-huhehaote cn-zhangjiakou cn-hangzhou cn-qingdao
cn-beijing cn-shanghai cn-heyuan ap-southeast-1 ap-southeast-3 ap-southeast-5 ap-southeast-6 ap-southeast-7
ap-northeast-1 ap-northeast-2 us-west-1 us-east-1 eu-central-1 eu-west-1
""".split()


def test_the_flag_goes_off_and_on(account):
    (instance_id,) = account.seed(networkInterfaces=[{}])
    for interface_id in account.interface_ids_of(instance_id):
        assert account.retain(interface_id).request_id
        assert account.only_interface(interface_id).delete_on_release is False
        account.modify_interface(interface_id, delete_on_release=True)
        assert account.only_interface(interface_id).delete_on_release is True


def test_the_other_attributes_of_a_secondary_interface(account):
    (interface_id,) = account.seed_interfaces(deleteOnRelease=False)
    account.modify_interface(
        interface_id,
        network_interface_name="front",
        description="of the web",
        source_dest_check=True,
        queue_number=8,
        security_group_id=["sg-a", "sg-b"],
    )
    item = account.only_interface(interface_id)
    assert (item.network_interface_name, item.description) == ("front", "of the web")
    assert (item.source_dest_check, item.queue_number) == (True, 8)
    assert item.security_group_ids.security_group_id == ["sg-a", "sg-b"]
    assert item.delete_on_release is False


@pytest.mark.parametrize("region", RETAINING)
def test_a_primary_interface_is_retained_in_these_regions(account, region):
    (instance_id,) = account.seed(regionId=region)
    (primary,) = account.interface_ids_of(instance_id)
    account.retain(primary, region)
    assert account.interface(primary)["deleteOnRelease"] is False


def test_there_are_twenty_three_of_them(account):
    regions = account.ecs.describe_regions(models.DescribeRegionsRequest()).body.regions.region
    assert len(RETAINING) == 23 and {region.region_id for region in regions} > set(RETAINING)


@pytest.mark.parametrize("region", ["me-east-1", "cn-nanjing", "ap-southeast-2", "cn-shanghai-finance-1"])
@pytest.mark.parametrize(
    "setting, code, status",
    [("nameAndDescriptionOnly", NAME_ONLY, 404), ("invalidType", "InvalidOperation.InvalidEniType", 403)],
)
def test_elsewhere_it_is_refused_with_either_code(account, refused, settings, region, setting, code, status):
    settings(primaryRefusal=setting)
    (instance_id,) = account.seed(regionId=region, networkInterfaces=[{}])
    primary, secondary = account.interface_ids_of(instance_id)
    with refused(code, status):
        account.retain(primary, region)
    account.modify_interface(primary, region, network_interface_name="still-possible")
    account.retain(secondary, region)
    assert [account.interface(i)["deleteOnRelease"] for i in (primary, secondary)] == [True, False]


def test_the_first_of_the_two_codes_is_the_default(account, refused):
    (instance_id,) = account.seed(regionId="me-east-1")
    with refused(NAME_ONLY, 404):
        account.retain(*account.interface_ids_of(instance_id), "me-east-1")


@pytest.mark.parametrize(
    "attribute", [{"source_dest_check": True}, {"queue_number": 4}, {"security_group_id": ["sg-x"]}]
)
def test_a_primary_interface_has_no_other_attributes_than_words_and_flag(account, refused, attribute):
    (instance_id,) = account.seed()
    (primary,) = account.interface_ids_of(instance_id)
    with refused(NAME_ONLY, 404):
        account.modify_interface(primary, delete_on_release=False, **attribute)
    assert account.interface(primary)["deleteOnRelease"] is True
    account.modify_interface(primary, description="its words can change")


def test_security_groups_of_an_instance_are_those_of_its_primary_interface(account):
    (instance_id,) = account.seed()
    account.modify(instance_id, security_group_ids=["sg-x"])
    (primary,) = account.interface_ids_of(instance_id)
    assert account.only_interface(primary).security_group_ids.security_group_id == ["sg-x"]


def test_an_interface_of_a_product_of_the_cloud_is_not_ours(account, refused):
    (interface_id,) = account.seed_interfaces(serviceManaged=True)
    with refused("InvalidOperation.EniServiceManaged", 403):
        account.retain(interface_id)


@pytest.mark.parametrize("kind", ["Trunk", "Member"])
def test_trunk_and_member_interfaces_have_no_such_flag(account, refused, kind):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces(instanceId=instance_id, type=kind)
    with refused("InvalidOperation.InvalidEniType", 403):
        account.retain(interface_id)


@pytest.mark.parametrize("status", ["Attaching", "Detaching", "Deleting"])
def test_an_interface_on_its_way_can_not_be_changed(account, refused, status):
    (interface_id,) = account.seed_interfaces(status=status)
    with refused("InvalidOperation.InvalidEniState", 400):
        account.retain(interface_id)


@pytest.mark.parametrize("status", ["Pending", "Starting", "Stopping"])
def test_nor_can_one_whose_instance_is(account, refused, status):
    (instance_id,) = account.seed(status=status)
    with refused("InvalidOperation.InvalidEcsState", 400):
        account.retain(*account.interface_ids_of(instance_id))


def test_unknown_ids_and_ids_of_other_regions(account, refused):
    (elsewhere,) = account.seed_interfaces(regionId="cn-beijing")
    for unknown in ("eni-unknown", elsewhere):
        with refused("InvalidEniId.NotFound", 404):
            account.retain(unknown)


def test_what_is_mandatory_must_be_there_and_valid(account, refused):
    (interface_id,) = account.seed_interfaces()
    for code, request in {
        "MissingParameter": {},
        "InvalidParameter": {"network_interface_name": "x"},
    }.items():
        with refused(code, 400):
            account.modify_interface(interface_id, **request)
    with refused("MissingParameter", 400):
        account.retain(None)
    with refused("MissingParameter", 400):
        account.retain(interface_id, None)
    with refused("InvalidParameter", 400):
        account.modify_interface(interface_id, description="http://example.com")
    account.modify_interface(interface_id, description="httpd front end")


@pytest.mark.parametrize("name", ["http://x.example", "1name", "bad name!", "n" * 129])
def test_names_that_an_interface_can_not_have(account, refused, name):
    (interface_id,) = account.seed_interfaces()
    with refused("InvalidParameter", 400):
        account.modify_interface(interface_id, network_interface_name=name)


def test_queues_are_1_to_2048_and_change_while_nothing_runs(account, refused):
    (running,) = account.seed()
    (stopped,) = account.seed(status="Stopped")
    (free,) = account.seed_interfaces()
    (busy,) = account.seed_interfaces(instanceId=running)
    (idle,) = account.seed_interfaces(instanceId=stopped)
    for number in (0, 2049, 4096):
        with refused("InvalidParameter", 400):
            account.modify_interface(free, queue_number=number)
    with refused("InvalidEniState", 403):
        account.modify_interface(busy, queue_number=4)
    for interface_id, number in ((free, 1), (free, 2048), (idle, 4)):
        account.modify_interface(interface_id, queue_number=number)
        assert account.only_interface(interface_id).queue_number == number


def test_attributes_that_the_simulator_lacks_are_refused_and_not_ignored(account, refused):
    (interface_id,) = account.seed_interfaces()
    tracking = models.ModifyNetworkInterfaceAttributeRequestConnectionTrackingConfiguration(udp_timeout=30)
    for request in ({"connection_tracking_configuration": tracking}, {"rx_queue_size": 8192}):
        with refused("UnsupportedParameter", 400):
            account.modify_interface(interface_id, delete_on_release=False, **request)
    assert account.interface(interface_id)["deleteOnRelease"] is True


def test_a_stale_read_shows_the_former_flag(account):
    (interface_id,) = account.seed_interfaces()
    account.fault("ModifyNetworkInterfaceAttribute", "delay", reads=1)
    account.retain(interface_id)
    assert account.only_interface(interface_id).delete_on_release is True
    assert account.only_interface(interface_id).delete_on_release is False


def test_a_fault_of_one_interface_leaves_the_others(account, refused):
    first, second = account.seed_interfaces(count=2)
    account.fault("ModifyNetworkInterfaceAttribute", "error", interface_id=first, code="Operation.Conflict")
    with refused("Operation.Conflict", 403):
        account.retain(first)
    account.retain(second)
    account.fault("ModifyNetworkInterfaceAttribute", "ignore", interface_id=second)
    account.modify_interface(second, delete_on_release=True)
    assert account.interface(second)["deleteOnRelease"] is False
