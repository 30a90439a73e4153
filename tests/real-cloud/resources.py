"""What a run has made: it is made with the mark of the run, and removed only after a look at this mark."""

from __future__ import annotations

import datetime
import json
import secrets
from dataclasses import dataclass, field

from cloud import MARK, Cloud, Failed, Forbidden, Lost, Refused, mark_of, name_mark

# Hours after which the cloud itself releases the instances of a run that nobody has ended.
LIFETIME = 2

# Seconds in which the removal has to come to its end.
PATIENCE = 900


def new_run() -> str:
    """A name for a run, which begins with its time."""
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def clock(**ahead) -> str:
    """A time from now on, as parameters spell it."""
    return f"{datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Found:
    """What bears a mark."""

    groups: list[dict] = field(default_factory=list)
    instances: list[dict] = field(default_factory=list)
    interfaces: list[dict] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.groups or self.instances or self.interfaces)

    def __str__(self) -> str:
        names = [f"scaling group {group['ScalingGroupId']}" for group in self.groups]
        names += [f"instance {instance['InstanceId']}" for instance in self.instances]
        names += [f"network interface {interface['NetworkInterfaceId']}" for interface in self.interfaces]
        return ", ".join(names)

    @property
    def runs(self) -> set[str]:
        """The runs whose marks these are."""
        tagged = [mark_of(item) for item in (*self.instances, *self.interfaces)]
        return {mark for mark in (*tagged, *map(name_mark, self.groups)) if mark}


class Resources:
    """Makes, finds and removes."""

    def __init__(self, cloud: Cloud, tell=lambda _: None):
        """`tell` is told what is being done."""
        self.cloud = cloud
        self.tell = tell
        self._region = {"RegionId": cloud.environment.region}
        self._occupied: set[str] = set()
        """Scaling groups in which there is something that no run has made."""

    # Making

    def create_instance(self, **more) -> str:
        """A new instance, which the cloud releases by itself in the end."""
        environment = self.cloud.environment
        place = {"VSwitchId": environment.v_switch, "SecurityGroupId": environment.security_group}
        own_primary = any(name.startswith("NetworkInterface_1") for name in more)
        answer = self.cloud.call("RunInstances", ClientToken=secrets.token_hex(16), **self.instance(**({} if own_primary else place), **more))
        (instance_id,) = answer["InstanceIdSets"]["InstanceIdSet"]
        self.cloud.made.add(instance_id)
        return instance_id

    def instance(self, **more) -> dict:
        """Parameters of RunInstances for an instance of this run."""
        offer = self.cloud.environment.offer
        return {
            **self._region,
            "InstanceType": offer.instance_type,
            "ImageId": offer.image_id,
            "Amount": 1,
            "Tag": self.cloud.tags,
            "AutoReleaseTime": clock(hours=LIFETIME),
            **{name.replace(".", "_"): value for name, value in offer.parameters.items()},
            **more,
        }

    def interface(self, **more) -> dict:
        """Parameters of CreateNetworkInterface for an interface of this run."""
        environment = self.cloud.environment
        return {
            **self._region,
            "VSwitchId": environment.v_switch,
            "SecurityGroupId": environment.security_group,
            "Tag": self.cloud.tags,
            "ClientToken": secrets.token_hex(16),
            **more,
        }

    def create_interface(self, **more) -> str:
        """A new network interface."""
        answer = self.cloud.call("CreateNetworkInterface", **self.interface(**more))
        self.cloud.made.add(answer["NetworkInterfaceId"])
        return answer["NetworkInterfaceId"]

    def adopt_primary(self, instance_id: str) -> str:
        """The primary interface of an instance of this run. It is marked, too, so that it is found where it outlives its instance."""
        (instance,) = self.instances([instance_id])
        if mark_of(instance) != self.cloud.run:
            raise Failed(f"{instance_id} does not bear the mark of this run.")
        listed = instance["NetworkInterfaces"]["NetworkInterface"]
        (primary,) = [item["NetworkInterfaceId"] for item in listed if item["Type"] == "Primary"]
        self.cloud.made.add(primary)
        (interface,) = self.interfaces([primary])
        if mark_of(interface) != self.cloud.run:
            self.cloud.call("TagResources", **self._region, ResourceType="eni", ResourceId=[primary], Tag=self.cloud.tags)
        return primary

    def create_group(self, instance_id: str) -> str:
        """A new scaling group, whose instances would be like this one. It makes none, because nothing is its smallest size."""
        parameters = {"MinSize": 0, "MaxSize": 2, "HealthCheckType": "NONE", "InstanceId": instance_id}
        answer = self.cloud.call(
            "CreateScalingGroup", **self._region, ScalingGroupName=self.cloud.name, ClientToken=secrets.token_hex(16), **parameters
        )
        self.cloud.made.add(answer["ScalingGroupId"])
        return answer["ScalingGroupId"]

    # Looking

    def instances(self, ids: list[str]) -> list[dict]:
        """Those of these instances that are there."""
        answer = self.cloud.call("DescribeInstances", **self._region, InstanceIds=json.dumps(ids), MaxResults=100)
        return answer["Instances"]["Instance"]

    def interfaces(self, ids: list[str]) -> list[dict]:
        """Those of these network interfaces that are there."""
        answer = self.cloud.call("DescribeNetworkInterfaces", **self._region, NetworkInterfaceId=ids, MaxResults=100)
        return answer["NetworkInterfaceSets"]["NetworkInterfaceSet"]

    def members(self, group_id: str) -> list[dict]:
        """The members of a scaling group."""
        return self.cloud.call("DescribeScalingInstances", **self._region, ScalingGroupId=group_id, PageSize=100)["ScalingInstances"]

    def find(self) -> Found:
        """All that bears the mark of this run, or of any if this one has no name."""
        tag = {"Key": MARK} if self.cloud.run is None else {"Key": MARK, "Value": self.cloud.run}
        return Found(
            groups=[group for group in self.cloud.scaling_groups() if self.cloud.is_ours(name_mark(group))],
            instances=self._pages("DescribeInstances", 100, tag, ("Instances", "Instance")),
            interfaces=self._pages("DescribeNetworkInterfaces", 500, tag, ("NetworkInterfaceSets", "NetworkInterfaceSet")),
        )

    def _pages(self, action: str, size: int, tag: dict, place: tuple[str, str]) -> list[dict]:
        found, token = [], None
        while True:
            page = self.cloud.call(action, **self._region, Tag=[tag], MaxResults=size, NextToken=token)
            # The filter is the cloud's, and the decision is not left to it.
            found += [item for item in page[place[0]][place[1]] if self.cloud.is_ours(mark_of(item))]
            token = page.get("NextToken")
            if not token:
                return found

    # Removing

    def remove_all(self) -> Found:
        """Removes all that bears the mark, for as long as there is hope. What could not be removed."""
        environment = self.cloud.environment
        looks, waited, found = 0, 0.0, None
        while looks < environment.LOOKS and waited < PATIENCE:
            try:
                found = self.find()
                looks = 0 if found else looks + 1
                if found and not self._remove(found):
                    break
            except Lost as error:
                self.tell(f"not yet removed: {error}")
            if looks < environment.LOOKS:
                environment.wait(environment.SETTLES)
                waited += environment.SETTLES
        return self.find() if found is None else found

    def _remove(self, found: Found) -> bool:
        """One round. What is refused is tried again in the next. Whether there was anything to do."""
        groups = [group for group in found.groups if group["ScalingGroupId"] not in self._occupied]
        for group in groups:
            self._try(self._remove_group, group)
        # Instances that a group is about to let go are removed when it is gone.
        for instance in [] if groups else found.instances:
            self._try(self.remove_instance, instance["InstanceId"])
        for interface in found.interfaces:
            self._try(self.remove_interface, interface["NetworkInterfaceId"])
        return bool(groups or found.instances or found.interfaces)

    def _try(self, remove, item) -> None:
        try:
            remove(item)
        except (Refused, Lost, Forbidden) as error:
            self.tell(f"not yet removed: {error}")

    def _remove_group(self, group: dict) -> None:
        """Deletes a scaling group with what is in it, if nothing is in it that no run has made."""
        if group["LifecycleState"] == "Deleting":
            return
        group_id = group["ScalingGroupId"]
        members = [member["InstanceId"] for member in self.members(group_id)]
        known = self.instances(members) if members else []
        strangers = set(members) - {item["InstanceId"] for item in known if self.cloud.is_ours(mark_of(item))}
        if strangers:
            self._occupied.add(group_id)
            self.tell(f"not removed: somebody has put {', '.join(sorted(strangers))} into the scaling group {group_id}; take it out, then clean up")
            return
        self.tell(f"removing the scaling group {group_id}")
        self.cloud.made.add(group_id)
        self.cloud.call("DeleteScalingGroup", **self._region, ScalingGroupId=group_id, ForceDelete=True)

    def remove_instance(self, instance_id: str) -> None:
        """Releases an instance, if it is there and bears the mark."""
        for instance in self.instances([instance_id]):
            if not self.cloud.is_ours(mark_of(instance)):
                continue
            self.cloud.made.add(instance_id)
            if instance["DeletionProtection"]:
                self.cloud.call("ModifyInstanceAttribute", InstanceId=instance_id, DeletionProtection=False)
            self.tell(f"releasing the instance {instance_id}")
            self.cloud.call("DeleteInstance", InstanceId=instance_id, Force=True)

    def remove_interface(self, interface_id: str) -> None:
        """Deletes a network interface, if it is there, free, and bears the mark. One in use goes, or is free, when its instance is gone; one
        that is stuck on its way out is deleted again, as the page of DeleteNetworkInterface says."""
        for interface in self.interfaces([interface_id]):
            if self.cloud.is_ours(mark_of(interface)) and interface["Status"] in ("Available", "Deleting"):
                self.tell(f"deleting the network interface {interface_id}")
                self.cloud.made.add(interface_id)
                self.cloud.call("DeleteNetworkInterface", **self._region, NetworkInterfaceId=interface_id)
