"""The cheapest instance with which every story can be told, and its price."""

from __future__ import annotations

from cloud import Cloud, Failed, Refused
from environment import Offer

# A primary interface, and two beside it.
INTERFACES = 3
# So many of the smallest types are asked for their price.
ASKED = 12
# Families whose instances take and give interfaces only while they are stopped: page "ENI overview", and the shared and entry-level types.
WITHOUT_HOT_PLUG = ("ecs.s6", "ecs.e", "ecs.t5", "ecs.t6", "ecs.n1", "ecs.n2", "ecs.n4", "ecs.mn4", "ecs.e4", "ecs.xn4")
DISK = {"SystemDisk.Category": "cloud_essd", "SystemDisk.Size": "20"}


def cheapest(cloud: Cloud, instance_type: str | None = None, image_id: str | None = None) -> Offer:
    """The cheapest offer of the zone; of this type and with this image, where they are given."""
    types = [instance_type] if instance_type else _smallest(cloud)
    offers = []
    for each in types:
        image = image_id or _image(cloud, each)
        if image is None:
            continue
        try:
            price = _price(cloud, each, image)
        except Refused:  # Of a type that is not sold in this way.
            continue
        offers.append(Offer(each, image, float(price["TradePrice"]), str(price["Currency"]), DISK))
    if not offers:
        raise Failed(f"Nothing in {cloud.environment.zone} has a price: name another zone, or a type with --instance-type.")
    return min(offers, key=lambda offer: offer.hourly)


def _smallest(cloud: Cloud) -> list[str]:
    """The smallest types that the zone has in stock and that suit."""
    place = {"RegionId": cloud.environment.region, "ZoneId": cloud.environment.zone}
    answer = cloud.call(
        "DescribeAvailableResource",
        **place,
        DestinationResource="InstanceType",
        InstanceChargeType="PostPaid",
        IoOptimized="optimized",
        NetworkCategory="vpc",
        SystemDiskCategory=DISK["SystemDisk.Category"],
    )
    in_stock = {
        found["Value"]
        for zone in _list(answer, "AvailableZones", "AvailableZone")
        for resource in _list(zone, "AvailableResources", "AvailableResource")
        for found in _list(resource, "SupportedResources", "SupportedResource")
        if found.get("Status") == "Available" and found.get("StatusCategory") == "WithStock"
    }
    suitable, token = [], None
    while True:
        page = cloud.call("DescribeInstanceTypes", MaxResults=100, NextToken=token, MinimumEniQuantity=INTERFACES, MaximumCpuCoreCount=4)
        suitable += [found for found in _list(page, "InstanceTypes", "InstanceType") if _suits(found, in_stock)]
        token = page.get("NextToken")
        if not token:
            break
    suitable.sort(key=lambda found: (found["CpuCoreCount"], found["MemorySize"], found["InstanceTypeId"]))
    return [found["InstanceTypeId"] for found in suitable[:ASKED]]


def _suits(found: dict, in_stock: set[str]) -> bool:
    return (
        found["InstanceTypeId"] in in_stock
        and found.get("EniQuantity", 0) >= INTERFACES
        and found.get("InstanceTypeFamily") not in WITHOUT_HOT_PLUG
        and not found.get("GPUAmount")
    )


def _image(cloud: Cloud, instance_type: str) -> str | None:
    """The smallest image of Alibaba Cloud Linux for a type: other systems of the vendor's list can cost a licence."""
    images = cloud.call(
        "DescribeImages",
        RegionId=cloud.environment.region,
        ImageOwnerAlias="system",
        OSType="linux",
        ActionType="CreateEcs",
        InstanceType=instance_type,
        Status="Available",
        PageSize=100,
    )
    most = int(DISK["SystemDisk.Size"])
    suitable = [image for image in _list(images, "Images", "Image") if image["ImageId"].startswith("aliyun_") and image["Size"] <= most]
    smallest = min(suitable, key=lambda image: (image["Size"], image["ImageId"]), default=None)
    return smallest and smallest["ImageId"]


def _price(cloud: Cloud, instance_type: str, image_id: str) -> dict:
    answer = cloud.call(
        "DescribePrice",
        RegionId=cloud.environment.region,
        ZoneId=cloud.environment.zone,
        ResourceType="instance",
        InstanceType=instance_type,
        ImageId=image_id,
        PriceUnit="Hour",
        **{name.replace(".", "_"): value for name, value in DISK.items()},
    )
    return answer["PriceInfo"]["Price"]


def _list(answer: dict, outer: str, inner: str) -> list[dict]:
    """A list of ECS, which is wrapped twice."""
    return (answer.get(outer) or {}).get(inner) or []
