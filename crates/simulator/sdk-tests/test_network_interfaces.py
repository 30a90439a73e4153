"""DescribeNetworkInterfaces, DescribeNetworkInterfaceAttribute, and what DescribeInstances shows of interfaces."""

import urllib.error

import pytest
from alibabacloud_ecs20140526 import models

REGION = "cn-hangzhou"
Tag = models.DescribeNetworkInterfacesRequestTag

RICH = {
    "privateIpAddresses": ["10.200.0.2", "10.200.0.3"],
    "ipv6Addresses": ["2001:db8::1"],
    "ipv4Prefixes": ["10.201.0.0/28"],
    "ipv6Prefixes": ["2001:db8:1::/80"],
    "eips": [
        {"allocationId": "eip-first", "publicIpAddress": "203.0.113.1"},
        {"allocationId": "eip-second", "publicIpAddress": "203.0.113.2", "privateIpAddress": "10.200.0.3"},
    ],
    "tags": {"env": "prod"},
    "networkInterfaceName": "front",
    "description": "of the web",
}


def attribute(account, interface_id, **request):
    request = models.DescribeNetworkInterfaceAttributeRequest(
        region_id=request.pop("region_id", REGION), network_interface_id=interface_id, **request
    )
    return account.ecs.describe_network_interface_attribute(request).body


def check_rich(account, item, instance_id, interface_id):
    assert item.network_interface_id == interface_id
    assert (item.network_interface_name, item.description) == ("front", "of the web")
    assert (item.type, item.status, item.instance_id) == ("Secondary", "InUse", instance_id)
    assert item.attachment.instance_id == instance_id
    assert item.attachment.device_index == item.attachment.network_card_index == 0
    assert item.delete_on_release is True
    assert item.service_managed is False and item.service_id is None
    assert item.owner_id == account.id
    assert item.zone_id == f"{REGION}-h" and item.vpc_id.startswith("vpc-") and item.v_switch_id.startswith("vsw-")
    assert item.resource_group_id == ""
    assert [group[:3] for group in item.security_group_ids.security_group_id] == ["sg-"]
    sets = item.private_ip_sets.private_ip_set
    assert [(ip.private_ip_address, ip.primary) for ip in sets] == [
        (item.private_ip_address, True),
        ("10.200.0.2", False),
        ("10.200.0.3", False),
    ]
    assert [ip.associated_public_ip.public_ip_address for ip in sets] == ["203.0.113.1", None, "203.0.113.2"]
    assert item.associated_public_ip.allocation_id == "eip-first"
    assert [six.ipv_6address for six in item.ipv_6sets.ipv_6set] == ["2001:db8::1"]
    assert [p.ipv_4prefix for p in item.ipv_4prefix_sets.ipv_4prefix_set] == ["10.201.0.0/28"]
    assert [p.ipv_6prefix for p in item.ipv_6prefix_sets.ipv_6prefix_set] == ["2001:db8:1::/80"]
    assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("env", "prod")]
    assert item.source_dest_check is False and item.queue_number > 0
    assert item.network_interface_traffic_mode == "Standard"
    assert len(item.creation_time) == len("2026-01-01T00:00:00Z")
    assert item.mac_address.count(":") == 5


def test_an_interface_has_the_documented_shape_in_the_list_and_alone(account):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces(instanceId=instance_id, **RICH)
    check_rich(account, account.only_interface(interface_id), instance_id, interface_id)
    alone = attribute(account, interface_id)
    check_rich(account, alone, instance_id, interface_id)
    assert alone.request_id


def test_a_free_interface_has_no_instance_and_no_attachment(account):
    (interface_id,) = account.seed_interfaces()
    item = account.only_interface(interface_id)
    assert (item.status, item.type, item.instance_id) == ("Available", "Secondary", "")
    assert item.attachment.instance_id is None
    assert item.associated_public_ip.public_ip_address is None
    assert item.tags is None


def test_an_instance_is_born_with_a_primary_interface_that_goes_with_it(account):
    (instance_id,) = account.seed()
    (item,) = account.interfaces(instance_id=instance_id).network_interface_sets.network_interface_set
    assert (item.type, item.status, item.delete_on_release) == ("Primary", "InUse", True)


def test_describe_instances_lists_the_same_interfaces_the_primary_first(account):
    (instance_id,) = account.seed(networkInterfaces=[{"privateIpAddresses": ["10.200.0.9"]}, {}])
    (other,) = account.seed()
    shown = account.only(instance_id).network_interfaces.network_interface
    listed = account.interface_ids(instance_id=instance_id)
    assert sorted(i.network_interface_id for i in shown) == sorted(listed) and len(listed) == 3
    assert [i.type for i in shown] == ["Primary", "Secondary", "Secondary"]
    assert [p.private_ip_address for p in shown[1].private_ip_sets.private_ip_set][1] == "10.200.0.9"
    assert account.interface_ids(instance_id=other) == account.interface_ids_of(other)


def test_an_eip_of_the_primary_interface_is_the_instances(account):
    eips = [{"allocationId": "eip-1", "publicIpAddress": "203.0.113.7"}]
    (instance_id,) = account.seed(networkInterfaces=[{"type": "Primary", "eips": eips}])
    eip = account.only(instance_id).eip_address
    assert (eip.allocation_id, eip.ip_address) == ("eip-1", "203.0.113.7")


def test_an_interface_of_a_product_of_the_cloud_hides_its_instance(account):
    (instance_id,) = account.seed()
    (interface_id,) = account.seed_interfaces(instanceId=instance_id, serviceManaged=True)
    item = account.only_interface(interface_id)
    assert (item.service_managed, item.instance_id, item.attachment.instance_id) == (True, "", None)
    assert item.service_id
    assert account.interface_ids(service_managed=True) == [interface_id]
    assert interface_id not in account.interface_ids(service_managed=False)


def test_trunk_and_member_interfaces_know_each_other(account):
    (instance_id,) = account.seed()
    (trunk,) = account.seed_interfaces(instanceId=instance_id, type="Trunk")
    (member,) = account.seed_interfaces(instanceId=instance_id, type="Member", trunkNetworkInterfaceId=trunk)
    assert account.only_interface(member).attachment.trunk_network_interface_id == trunk
    ids = attribute(account, trunk, attribute="attachment").attachment.member_network_interface_ids
    assert ids.member_network_interface_id == [member]
    assert account.interface_ids(type="Trunk") == [trunk]


def test_unknown_ids_are_left_out_of_the_list_and_refused_alone(account, refused, settings):
    (here,) = account.seed_interfaces()
    (elsewhere,) = account.seed_interfaces(regionId="cn-beijing")
    assert account.interface_ids(network_interface_id=["eni-unknown", here, elsewhere]) == [here]
    for unknown in ("eni-unknown", elsewhere):
        with refused("InvalidEniId.NotFound", 404):
            attribute(account, unknown)
    settings(refuseUnknownInterfaces=True)
    with refused("InvalidEniId.NotFound", 404):
        account.interface_ids(network_interface_id=[here, "eni-unknown"])
    assert account.interface_ids(network_interface_id=[here]) == [here]


def test_a_region_is_mandatory_and_must_exist(account, refused):
    with refused("MissingParameter", 400):
        account.interfaces(region_id=None)
    with refused("InvalidRegionId.NotFound", 404):
        account.interfaces(region_id="cn-nowhere")
    with refused("MissingParameter", 400):
        attribute(account, None)
    with refused("InvalidParameter", 400):
        attribute(account, "eni-unknown", attribute="colour")


def test_each_filter_finds_its_own(account):
    (instance_id,) = account.seed(securityGroupIds=["sg-a"])
    (front,) = account.seed_interfaces(instanceId=instance_id, primaryIpAddress="10.200.0.1", **RICH)
    (back,) = account.seed_interfaces(
        zoneId=f"{REGION}-i", vpcId="vpc-b", vSwitchId="vsw-b", securityGroupIds=["sg-b"], resourceGroupId="rg-b"
    )
    (primary, _) = account.interface_ids_of(instance_id)
    for request, found in [
        ({"instance_id": instance_id}, [primary, front]),
        ({"instance_id": "i-unknown"}, []),
        ({"vpc_id": "vpc-b"}, [back]),
        ({"v_switch_id": "vsw-b"}, [back]),
        ({"network_interface_name": "front"}, [front]),
        ({"primary_ip_address": "10.200.0.1"}, [front]),
        ({"primary_ip_address": "10.200.0.2"}, []),
        ({"private_ip_address": ["10.200.0.2", "192.0.2.1"]}, [front]),
        ({"private_ip_address": ["10.200.0.1"]}, []),
        ({"ipv_6address": ["2001:db8::1"]}, [front]),
        # Documented: primary interfaces aren't found by their group.
        ({"security_group_id": "sg-a"}, [front]),
        ({"security_group_id": "sg-b"}, [back]),
        ({"status": "Available"}, [back]),
        ({"type": "Primary"}, [primary]),
        ({"type": "Secondary"}, [front, back]),
        ({"tag": [Tag(key="env")]}, [front]),
        ({"tag": [Tag(key="env", value="prod")]}, [front]),
        ({"tag": [Tag(key="env", value="test")]}, []),
        # Documented: what is in the default group comes whatever is asked for.
        ({"resource_group_id": "rg-b"}, [primary, front, back]),
        ({"resource_group_id": "rg-c"}, [primary, front]),
        ({"instance_id": instance_id, "status": "Available"}, []),
    ]:
        assert account.interface_ids(**request) == found, request


@pytest.mark.parametrize(
    "request_",
    [
        {"network_interface_id": [f"eni-{n}" for n in range(101)]},
        {"private_ip_address": ["10.0.0.1"] * 101},
        {"ipv_6address": ["2001:db8::1"] * 101},
        {"status": "Asleep"},
        {"type": "Tertiary"},
        {"next_token": "nonsense"},
        {"page_size": 1001},
        {"tag": [Tag(key=f"k{n}") for n in range(21)]},
    ],
)
def test_values_that_no_filter_has(account, refused, request_):
    with refused("InvalidParameter", 400):
        account.interfaces(**request_)


@pytest.mark.parametrize("asked, given", [(None, 10), (1, 10), (9, 10), (10, 10), (300, 300), (500, 500), (1000, 500)])
def test_max_results_is_bent_into_10_to_500(account, asked, given):
    account.seed_interfaces(count=510)
    body = account.interfaces(max_results=asked)
    assert len(body.network_interface_sets.network_interface_set) == given
    assert body.next_token


def test_pages_follow_each_other_to_the_empty_token(account):
    ids = account.seed_interfaces(networkInterfaceId="eni-many", count=1203)
    token, found = "", []
    while True:
        body = account.interfaces(max_results=500, next_token=token)
        assert body.total_count == 0
        found += [item.network_interface_id for item in body.network_interface_sets.network_interface_set]
        token = body.next_token
        if not token:
            break
    assert found == ids


def test_the_deprecated_page_numbers_go_to_a_thousand(account):
    ids = account.seed_interfaces(networkInterfaceId="eni-many", count=1203)
    body = account.interfaces(page_number=2, page_size=1000)
    assert [item.network_interface_id for item in body.network_interface_sets.network_interface_set] == ids[1000:]
    assert (body.total_count, body.page_number, body.page_size) == (1203, 2, 1000)


def test_tagged_answers_end_at_a_thousand(account):
    account.seed_interfaces(count=1100, tags={"env": "prod"})
    token, found = "", 0
    while True:
        body = account.interfaces(max_results=500, next_token=token, tag=[Tag(key="env", value="prod")])
        found += len(body.network_interface_sets.network_interface_set)
        token = body.next_token
        if not token:
            break
    assert found == 1000


def test_tags_of_interfaces_come_and_go(account, refused):
    (interface_id,) = account.seed_interfaces(tags={"creator": "terway-controller", "ack.aliyun.com": "c1"})
    tags = [models.TagResourcesRequestTag(key="env", value="prod")]
    request = {"region_id": REGION, "resource_type": "eni", "resource_id": [interface_id]}
    assert account.ecs.tag_resources(models.TagResourcesRequest(tag=tags, **request)).body.request_id
    assert account.interface_ids(tag=[Tag(key="env", value="prod"), Tag(key="creator")]) == [interface_id]
    account.ecs.untag_resources(models.UntagResourcesRequest(tag_key=["env", "creator"], **request))
    assert account.interface(interface_id)["tags"] == {"ack.aliyun.com": "c1"}
    (instance_id,) = account.seed()
    with refused("InvalidResourceId.NotFound", 404):
        request["resource_id"] = [instance_id]
        account.ecs.tag_resources(models.TagResourcesRequest(tag=tags, **request))


def test_faults_can_mean_one_interface_in_either_listing(account):
    (instance_id,) = account.seed(networkInterfaces=[{}, {}])
    primary, first, second = account.interface_ids_of(instance_id)
    account.fault("DescribeNetworkInterfaces", "hide", interface_id=first)
    account.fault("DescribeInstances", "hide", interface_id=second)
    account.fault(
        "DescribeNetworkInterfaces", "oddField", interface_id=second, path="DeleteOnRelease", value=None, remove=True
    )
    assert account.interface_ids(instance_id=instance_id) == [primary, second]
    shown = account.only(instance_id).network_interfaces.network_interface
    assert [i.network_interface_id for i in shown] == [primary, first]
    assert account.only_interface(second).delete_on_release is None
    assert account.only_interface(primary).delete_on_release is True
    account.fault("DescribeNetworkInterfaces", "hide", instance_id=instance_id)
    assert account.interface_ids() == []


def test_lost_permission_is_told(account, refused):
    account.fault("DescribeNetworkInterfaces", "deny")
    with refused("Forbidden.RAM", 403):
        account.interfaces()


def test_the_control_port_knows_what_is_there(account):
    with pytest.raises(urllib.error.HTTPError) as error:
        account.seed_interfaces(instanceId="i-unknown")
    error.value.close()
    assert error.value.code == 404
    (interface_id,) = account.seed_interfaces(routes=["192.168.7.0/24"])
    assert account.change_interface(interface_id, deleteOnRelease=False)["changed"] is True
    assert account.change_interface(interface_id, deleteOnRelease=False)["changed"] is False
    assert account.interface(interface_id)["routes"] == ["192.168.7.0/24"]
    path = f"/accounts/{account.id}/network-interfaces/{interface_id}"
    account.control("DELETE", path)
    assert account.interface_ids() == []
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {})):
        with pytest.raises(urllib.error.HTTPError) as error:
            account.control(method, path, body)
        error.value.close()
        assert error.value.code == 404


def test_interfaces_of_other_controllers_are_found_by_their_marks(account):
    (instance_id,) = account.seed(tags={"ack.aliyun.com": "c1"})
    tags = {"creator": "terway-controller", "ack.aliyun.com": "c1"}
    (terway,) = account.seed_interfaces(instanceId=instance_id, tags=tags)
    tags = {"creator": "alibabacloud-erdma-controller", "terway.alibabacloud.com/excluded": "true"}
    (erdma,) = account.seed_interfaces(
        instanceId=instance_id, tags=tags, networkInterfaceTrafficMode="HighPerformance"
    )
    assert account.interface_ids(tag=[Tag(key="creator", value="terway-controller")]) == [terway]
    assert account.only_interface(erdma).network_interface_traffic_mode == "HighPerformance"
