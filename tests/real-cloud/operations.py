"""The operations of the cloud that this test may call, and the RAM policy that allows exactly these."""

from __future__ import annotations

from dataclasses import dataclass

VERSIONS = {"ecs": "2014-05-26", "ess": "2022-02-22", "actiontrail": "2020-07-06", "sts": "2015-04-01"}


@dataclass(frozen=True)
class Operation:
    """One operation."""

    product: str
    writes: bool = False
    free: bool = False
    """Whether RAM asks for no permission."""


def _reads(product: str, *names: str, free: bool = False) -> dict[str, Operation]:
    return {name: Operation(product, free=free) for name in names}


def _writes(product: str, *names: str) -> dict[str, Operation]:
    return {name: Operation(product, writes=True) for name in names}


# What is asked to find the cheapest instance; the simulator has none of it.
MARKET = _reads("ecs", "DescribeAvailableResource", "DescribeImages", "DescribeInstanceTypes", "DescribePrice")

OPERATIONS = {
    **_reads("sts", "GetCallerIdentity", free=True),
    **MARKET,
    **_reads("ecs", "DescribeInstances", "DescribeNetworkInterfaces"),
    **_writes("ecs", "RunInstances", "ModifyInstanceAttribute", "ModifyInstanceAutoReleaseTime", "DeleteInstance", "DeleteInstances"),
    **_writes("ecs", "CreateNetworkInterface", "ModifyNetworkInterfaceAttribute", "DeleteNetworkInterface"),
    **_writes("ecs", "AttachNetworkInterface", "DetachNetworkInterface", "TagResources"),
    **_reads("ess", "DescribeScalingGroups", "DescribeScalingInstances"),
    **_writes("ess", "CreateScalingGroup", "EnableScalingGroup", "ModifyScalingGroup", "DeleteScalingGroup"),
    **_writes("ess", "AttachInstances", "RemoveInstances", "SetInstancesProtection", "EnterStandby", "ExitStandby"),
    **_reads("actiontrail", "LookupEvents"),
}


def policy() -> dict:
    """The RAM policy."""
    actions = [f"{operation.product}:{name}" for name, operation in OPERATIONS.items() if not operation.free]
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}]}
