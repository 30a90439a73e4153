"""A simulator for the tests, and accounts in it whose answers can be bent."""

from __future__ import annotations

import probes  # noqa: F401 It fills the list of probes.
import pytest
from bent import Bent
from cloud import Cloud
from environment import SimulatedCloud, Watch, simulator
from resources import Resources, new_run
from testbed import Testbed

REGION, ZONE = "cn-hangzhou", "cn-hangzhou-h"


@pytest.fixture(scope="session")
def control():
    """The control port of a simulator."""
    with simulator() as control:
        yield control


@pytest.fixture
def environment(control):
    """An account of its own."""
    yield SimulatedCloud(Watch(), control, region=REGION, zone=ZONE)
    control("DELETE", "/faults")


@pytest.fixture
def bent(control):
    """Makes an account in which the cloud is bent."""

    def make(*bends, region=REGION):
        return Bent(bends, Watch(), control, region=region, zone=f"{region}-h" if region == REGION else f"{region}a")

    yield make
    control("DELETE", "/faults")


def bed_of(environment) -> Testbed:
    """A run in an account."""
    cloud = Cloud(environment, new_run())
    return Testbed(cloud, Resources(cloud))


def left_in(environment) -> dict:
    """What there is in an account, whatever reads show."""
    account = f"/accounts/{environment.account}"
    found = {
        "instances": [item["instanceId"] for item in environment.control("GET", f"{account}/instances")["instances"]],
        "interfaces": [item["networkInterfaceId"] for item in environment.control("GET", f"{account}/network-interfaces")["networkInterfaces"]],
        "groups": [item["scalingGroupId"] for item in environment.control("GET", f"{account}/scaling-groups")["scalingGroups"]],
    }
    return {kind: ids for kind, ids in found.items() if ids}
