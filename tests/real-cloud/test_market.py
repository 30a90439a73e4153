"""The cheapest instance, from answers as the vendor's pages show them. The simulator has none of these operations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cloud import Failed, Refused
from market import cheapest

PRICES = {"ecs.c7.large": 0.5, "ecs.u1-c1m1.large": 0.3, "ecs.g7.large": 0.4}


def type_(name, cores=2, memory=4.0, interfaces=3, **more):
    family = name.rsplit(".", 1)[0]
    return {"InstanceTypeId": name, "InstanceTypeFamily": family, "CpuCoreCount": cores, "MemorySize": memory, "EniQuantity": interfaces, **more}


TYPES = [
    type_("ecs.g7.large", memory=8.0),
    type_("ecs.c7.large"),
    type_("ecs.u1-c1m1.large", memory=2.0),
    type_("ecs.e-c1m1.large", memory=2.0) | {"InstanceTypeFamily": "ecs.e"},
    type_("ecs.small.one", cores=1, interfaces=1),
    type_("ecs.sold.out", cores=1),
    type_("ecs.gn6.large", GPUAmount=1),
]


class Market:
    """Answers in two pages of types."""

    environment = SimpleNamespace(region="cn-hangzhou", zone="cn-hangzhou-h")

    def __init__(self, prices):
        self.prices, self.calls = prices, []

    def call(self, action, **parameters):
        self.calls.append((action, parameters))
        return getattr(self, action)(**parameters)

    def DescribeAvailableResource(self, **_):  # noqa: N802 The vendor's name.
        def found(name, category="WithStock"):
            return {"Value": name, "Status": "Available", "StatusCategory": category}

        names = [found(item["InstanceTypeId"], "WithoutStock" if "sold" in item["InstanceTypeId"] else "WithStock") for item in TYPES]
        resource = {"Type": "InstanceType", "SupportedResources": {"SupportedResource": names}}
        zone = {"ZoneId": "cn-hangzhou-h", "AvailableResources": {"AvailableResource": [resource]}}
        return {"AvailableZones": {"AvailableZone": [zone]}}

    def DescribeInstanceTypes(self, NextToken=None, **_):  # noqa: N802, N803
        half = len(TYPES) // 2
        if NextToken is None:
            return {"InstanceTypes": {"InstanceType": TYPES[:half]}, "NextToken": "more"}
        return {"InstanceTypes": {"InstanceType": TYPES[half:]}, "NextToken": ""}

    def DescribeImages(self, **_):  # noqa: N802
        images = [("aliyun_3_x64_40G", 40), ("aliyun_3_x64_20G", 20), ("aliyun_3_x64_10G", 10), ("rhel_9_x64_5G", 5)]
        return {"Images": {"Image": [{"ImageId": name, "Size": size} for name, size in images]}}

    def DescribePrice(self, InstanceType, **_):  # noqa: N802, N803
        if InstanceType not in self.prices:
            raise Refused("DescribePrice", SimpleNamespace(status_code=403, code="InvalidInstanceType", data={}))
        return {"PriceInfo": {"Price": {"TradePrice": self.prices[InstanceType], "Currency": "CNY"}}}


def test_the_cheapest_type_that_suits_and_is_in_stock_is_taken():
    offer = cheapest(Market(PRICES))
    assert (offer.instance_type, offer.image_id, offer.hourly, offer.currency) == ("ecs.u1-c1m1.large", "aliyun_3_x64_10G", 0.3, "CNY")


def test_types_that_can_not_be_priced_are_passed_over():
    assert cheapest(Market({"ecs.c7.large": 0.5})).instance_type == "ecs.c7.large"


def test_a_type_and_an_image_can_be_given():
    market = Market(PRICES)
    offer = cheapest(market, "ecs.g7.large", "mine")
    assert (offer.instance_type, offer.image_id) == ("ecs.g7.large", "mine")
    assert [action for action, _ in market.calls] == ["DescribePrice"]


def test_a_zone_without_offers_is_said():
    with pytest.raises(Failed, match="Nothing in cn-hangzhou-h has a price"):
        cheapest(Market({}))
