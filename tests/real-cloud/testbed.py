"""What the stories of the probes share: an instance or two, network interfaces and a scaling group, made when they are first needed."""

from __future__ import annotations

import secrets
from typing import Iterator

from cloud import Cloud, Failed, Outcome
from environment import EVERY
from resources import Resources

# Seconds that something may take.
BOOT, TRANSITION, SCALING, VISIBLE = 300, 120, 180, 60


class Unsuitable(Failed):
    """The cloud does something that the story can't go on with."""


class Testbed:
    """The things, and the operations in short."""

    def __init__(self, cloud: Cloud, resources: Resources):
        self.cloud = cloud
        self.resources = resources
        self.environment = cloud.environment
        self.region = {"RegionId": cloud.environment.region}
        self.released: list[str] = []
        """Instances of this run that are gone."""
        self.survivor: str | None = None
        """A network interface that has outlived its instance."""
        self._instances: dict[str, str] = {}
        self._group: str | None = None

    # Things

    def newborn(self) -> str:
        """An instance that was made this moment."""
        if "first" in self._instances:
            return self.resources.create_instance()
        self._instances["first"] = self.resources.create_instance()
        return self._instances["first"]

    def instance(self, name: str = "first") -> str:
        """An instance that runs, without any protection. The same one for the same name, for as long as it is there."""
        if name not in self._instances:
            self._instances[name] = self.resources.create_instance()
        instance_id = self._instances[name]
        self.wait_for_status(instance_id, "Running")
        return instance_id

    def wait_for_status(self, instance_id: str, status: str) -> dict:
        """The instance, once it has this status."""

        def reached():
            found = self.resources.instances([instance_id])
            return found and found[0]["Status"] == status and found[0]

        found = self.environment.wait_until(reached, BOOT)
        if not found:
            raise Unsuitable(f"an instance is not {status} within {BOOT} s")
        return found

    def forget(self, instance_id: str) -> None:
        """The instance is gone: whoever asks for one of its name gets another."""
        self.released.append(instance_id)
        self._instances = {name: known for name, known in self._instances.items() if known != instance_id}

    def gone(self) -> str:
        """An instance of this run that is not there any more."""
        if not self.released:
            self.release(self.instance("short"))
        return self.released[-1]

    def release(self, instance_id: str) -> Outcome:
        """Releases an instance of this run, and waits until it is gone."""
        outcome = self.cloud.attempt("DeleteInstance", InstanceId=instance_id, Force=True)
        if outcome.accepted:
            if not self.environment.wait_until(lambda: not self.resources.instances([instance_id]), BOOT):
                raise Unsuitable(f"an instance is not gone {BOOT} s after its release")
            self.forget(instance_id)
        return outcome

    def interface(self, **parameters) -> str:
        """A network interface that is free."""
        interface_id = self.resources.create_interface(**parameters)
        self.settle(interface_id, "Available")
        return interface_id

    def settle(self, interface_id: str, *statuses: str) -> dict | None:
        """The network interface, once it has one of these statuses."""

        def settled():
            found = self.resources.interfaces([interface_id])
            return found and found[0]["Status"] in statuses and found[0]

        found = self.environment.wait_until(settled, TRANSITION)
        if not found:
            raise Unsuitable(f"a network interface is not {' or '.join(statuses)} within {TRANSITION} s")
        return found

    def status(self, interface_id: str) -> str | None:
        """What a network interface is at the moment."""
        found = self.resources.interfaces([interface_id])
        return found[0]["Status"] if found else None

    def flag(self, interface_id: str):
        """DeleteOnRelease of a network interface."""
        found = self.resources.interfaces([interface_id])
        return found[0].get("DeleteOnRelease") if found else "there is no such interface"

    def attach(self, interface_id: str, instance_id: str) -> dict:
        """Attaches a network interface, and waits for it."""
        self.cloud.call("AttachNetworkInterface", **self.region, NetworkInterfaceId=interface_id, InstanceId=instance_id)
        return self.settle(interface_id, "InUse")

    def detach(self, interface_id: str, instance_id: str) -> dict:
        """Detaches a network interface, and waits for it."""
        self.cloud.call("DetachNetworkInterface", **self.region, NetworkInterfaceId=interface_id, InstanceId=instance_id)
        return self.settle(interface_id, "Available")

    def discard(self, *interface_ids: str) -> None:
        """Deletes network interfaces that no story needs any more, and waits until they are gone."""
        for interface_id in interface_ids:
            self.resources.remove_interface(interface_id)
        self.environment.wait_until(lambda: not self.resources.interfaces(list(interface_ids)), TRANSITION)

    def group(self) -> str:
        """A scaling group that is switched on, with the instance `first`, which somebody has added."""
        if self._group is None:
            instance_id = self.instance()
            self._group = self.resources.create_group(instance_id)
            self.cloud.call("EnableScalingGroup", **self.region, ScalingGroupId=self._group, InstanceIds=[instance_id])
            self.wait_for_state(self._group, instance_id, "InService")
        return self._group

    def ungroup(self) -> None:
        """The scaling group is gone: whoever asks for one gets another."""
        self._group = None

    def join(self, group_id: str, instance_id: str, **parameters) -> None:
        """Adds an instance to a scaling group."""
        self.cloud.call("AttachInstances", **self.region, ScalingGroupId=group_id, InstanceIds=[instance_id], **parameters)
        self.wait_for_state(group_id, instance_id, "InService")

    def state(self, group_id: str, instance_id: str) -> str | None:
        """The state of a member of a scaling group, or None if it isn't one."""
        return next((item["LifecycleState"] for item in self.resources.members(group_id) if item["InstanceId"] == instance_id), None)

    def wait_for_state(self, group_id: str, instance_id: str, state: str | None) -> None:
        """Waits until a member has this state, or none any more."""
        if not self.environment.wait_until(lambda: self.state(group_id, instance_id) == state, SCALING):
            raise Unsuitable(f"a member of a scaling group is not {state or 'out of it'} within {SCALING} s")

    # Operations

    def protect(self, instance_id: str, on: bool = True) -> Outcome:
        """Switches release protection."""
        return self.cloud.attempt("ModifyInstanceAttribute", InstanceId=instance_id, DeletionProtection=on)

    def is_protected(self, instance_id: str):
        """What DescribeInstances shows of release protection."""
        found = self.resources.instances([instance_id])
        return found[0].get("DeletionProtection") if found else "there is no such instance"

    def retain(self, interface_id: str, on: bool = True) -> Outcome:
        """Switches the retention of a network interface on, which is the flag off."""
        return self.cloud.attempt(
            "ModifyNetworkInterfaceAttribute", **self.region, NetworkInterfaceId=interface_id, DeleteOnRelease=not on
        )

    def protect_from_scale_in(self, group_id: str, *ids: str, on: bool = True) -> Outcome:
        """Switches protection from scale-in."""
        return self.cloud.attempt(
            "SetInstancesProtection", ScalingGroupId=group_id, InstanceIds=list(ids), ProtectedFromScaleIn=on
        )

    def auto_release(self, instance_id: str, **time) -> Outcome:
        """Sets the automatic release time, or takes it away if none is said."""
        return self.cloud.attempt("ModifyInstanceAutoReleaseTime", **self.region, InstanceId=instance_id, **time)

    def visible(self, holds) -> Iterator[tuple[str, object]]:
        """Whether a change shows in the first read; how long it took otherwise."""
        waited = 0
        while not holds():
            if waited >= VISIBLE:
                yield "when the change is shown", f"not within {VISIBLE} s"
                return
            self.environment.wait(EVERY)
            waited += EVERY
        yield "when the change is shown", "by a later read" if waited else "by the first read"


def made_up(kind: str) -> str:
    """An id that nothing has."""
    return f"{kind}-0nothing{secrets.token_hex(6)}"


