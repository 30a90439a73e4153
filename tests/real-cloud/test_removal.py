"""That nothing is left, wherever a run ends, and that nothing else is touched."""

from __future__ import annotations

import os
import signal

import pytest
from bent import Bend
from cloud import MARK, Cloud, Forbidden, Interrupted
from conftest import bed_of, left_in
from environment import RealCloud
from probe import PROBES, ask
from resources import Resources


def clean_up(environment):
    """What `--clean-up` does: it knows nothing of the run."""
    return Resources(Cloud(environment, None)).remove_all()


def in_a_process(environment, probe, write: int | None = None, end=None) -> tuple[int | None, list]:
    """Tells a story in a process of its own, in which `end` is called after so many calls that write. Its exit code, or None if it was killed,
    and the calls that wrote, with what they asked for."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = FAILED
        try:
            os.close(reading)
            count = 0

            def after(action, query):
                nonlocal count
                count += 1
                os.write(writing, f"{action} {sorted((name, value) for name, value in query.items() if name in SETTINGS)}\n".encode())
                if count == write:
                    end(environment.watch)

            environment.after_write = after
            bed = bed_of(environment)
            try:
                ask(probe, bed)
                code = ENDED
            except Interrupted:
                environment.watch.deaf = True
                code = FAILED if bed.resources.remove_all() else INTERRUPTED
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading) as calls:
        written = calls.read().splitlines()
    _, status = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), written


ENDED, FAILED, INTERRUPTED = 0, 1, 2

# Parameters by which two calls of the same operation differ in what they do.
SETTINGS = ("DeletionProtection", "DeleteOnRelease", "ProtectedFromScaleIn", "DryRun", "MaxSize", "Entrusted", "NetworkInterfaceName")


def kill(_watch):
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(watch):
    watch.install()
    os.kill(os.getpid(), signal.SIGINT)


# The calls after which a run was killed, each with all calls before: stories begin alike, and are killed once where they do.
killed: set[tuple[str, ...]] = set()


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_run_that_is_killed_after_any_of_its_calls_leaves_nothing_to_a_clean_up(bent, probe):
    environment = bent()
    code, calls = in_a_process(environment, probe)
    assert code == ENDED
    assert not clean_up(environment) and left_in(environment) == {}
    for write in range(1, len(calls) + 1):
        if tuple(calls[:write]) in killed:
            continue
        killed.add(tuple(calls[:write]))
        code, so_far = in_a_process(environment, probe, write, kill)
        assert code is None and so_far == calls[:write]
        assert not clean_up(environment)
        assert left_in(environment) == {}, f"{probe.name}, killed after call {write}"


@pytest.mark.parametrize("name", ["flag-while-attaching", "scale-in-of-a-protected-instance", "release-with-retained-interfaces"])
def test_a_run_that_is_interrupted_removes_everything_itself(bent, name):
    environment = bent()
    (probe,) = [each for each in PROBES if each.name == name]
    for write in (1, 2, 4, 6):
        code, calls = in_a_process(environment, probe, write, interrupt)
        assert code == INTERRUPTED and len(calls) > write, "the removal writes, too"
        assert left_in(environment) == {}, f"interrupted after call {write}"


def test_what_others_have_is_left_alone(environment, control):
    account = f"/accounts/{environment.account}"
    tags = {f"{MARK}x": "1", "env": MARK}
    (theirs,) = control("POST", f"{account}/instances", [{"tags": tags, "networkInterfaces": [{"tags": tags}]}])["instanceIds"]
    (free,) = control("POST", f"{account}/network-interfaces", [{"tags": tags}])["networkInterfaceIds"]
    (group,) = control("POST", f"{account}/scaling-groups", [{"scalingGroupName": f"x-{MARK}-1", "members": [{"instanceIds": [theirs]}]}])["scalingGroupIds"]
    before = {place: control("GET", f"{account}/{place}") for place in ("instances", "network-interfaces", "scaling-groups")}
    bed = bed_of(environment)
    for each in PROBES:
        ask(each, bed)
    assert not bed.resources.remove_all() and not clean_up(environment)
    assert before == {place: control("GET", f"{account}/{place}") for place in before}
    # And none of them was named in a call that writes.
    for entry in control("GET", f"/log?account={environment.account}")["entries"]:
        named = set(entry["parameters"].values()) & {theirs, free, group}
        assert not named or not entry["mutated"], entry


def test_a_call_that_names_what_is_not_of_the_run_is_not_sent(environment, control):
    (theirs,) = control("POST", f"/accounts/{environment.account}/instances", [{}])["instanceIds"]
    (free,) = control("POST", f"/accounts/{environment.account}/network-interfaces", [{}])["networkInterfaceIds"]
    cloud, region = bed_of(environment).cloud, {"RegionId": environment.region}
    for action, parameters in (
        ("DeleteInstance", {"InstanceId": theirs, "Force": True}),
        ("DeleteInstances", {**region, "InstanceId": [theirs]}),
        ("ModifyInstanceAttribute", {"InstanceId": theirs, "DeletionProtection": True}),
        ("DeleteNetworkInterface", {**region, "NetworkInterfaceId": free}),
        ("TagResources", {**region, "ResourceType": "eni", "ResourceId": [free], "Tag": cloud.tags}),
        ("AttachInstances", {**region, "ScalingGroupId": "asg-1", "InstanceIds": [theirs]}),
        ("RunInstances", {**region, "Tag": cloud.tags, "NetworkInterface.1.NetworkInterfaceId": free}),
        ("RunInstances", {**region, "Tag": [{"Key": "env", "Value": "prod"}]}),
        ("CreateNetworkInterface", region),
        ("CreateScalingGroup", {**region, "ScalingGroupName": "theirs"}),
        ("StopInstance", {"InstanceId": theirs}),
    ):
        with pytest.raises(Forbidden):
            cloud.call(action, **parameters)
    assert control("GET", f"/log?account={environment.account}")["entries"] == []


def test_the_tag_is_looked_at_again_right_before_a_removal(environment, control):
    bed = bed_of(environment)
    instance_id = bed.instance()
    interface_id = bed.interface()
    taken = {"tags": {MARK: None, "now": "ours"}}
    control("PATCH", f"/accounts/{environment.account}/instances/{instance_id}", taken)
    (primary,) = control("GET", f"/accounts/{environment.account}/instances/{instance_id}")["networkInterfaceIds"]
    for taken_over in (interface_id, primary):
        control("PATCH", f"/accounts/{environment.account}/network-interfaces/{taken_over}", {"tags": {MARK: "another run"}})
    bed.resources.remove_instance(instance_id)
    bed.resources.remove_interface(interface_id)
    # Nor does a story remove them, although the run has made them.
    for action, named in (
        ("DeleteInstance", {"InstanceId": instance_id, "Force": True}),
        ("DeleteInstances", {"RegionId": environment.region, "InstanceId": [instance_id]}),
        ("DeleteNetworkInterface", {"RegionId": environment.region, "NetworkInterfaceId": interface_id}),
    ):
        with pytest.raises(Forbidden, match="does not bear the mark"):
            bed.cloud.attempt(action, **named)
    assert not bed.resources.remove_all()
    left = left_in(environment)
    assert left["instances"] == [instance_id] and interface_id in left["interfaces"]


def test_a_primary_interface_without_the_tag_gets_it_before_it_can_outlive_its_instance(environment, control):
    bed = bed_of(environment)
    instance_id = bed.instance()
    (primary,) = control("GET", f"/accounts/{environment.account}/instances/{instance_id}")["networkInterfaceIds"]
    control("PATCH", f"/accounts/{environment.account}/network-interfaces/{primary}", {"tags": {MARK: None}})
    assert bed.resources.adopt_primary(instance_id) == primary and bed.retain(primary).accepted
    bed.release(instance_id)
    assert left_in(environment)["interfaces"] == [primary]
    assert not clean_up(environment) and left_in(environment) == {}


def test_a_run_removes_its_own_and_not_what_another_run_has_made(environment):
    one, other = bed_of(environment), bed_of(environment)
    one.instance()
    one.interface()
    kept = other.instance()
    assert not one.resources.remove_all()
    assert left_in(environment)["instances"] == [kept]
    assert not clean_up(environment) and left_in(environment) == {}


def test_a_scaling_group_into_which_somebody_has_put_an_instance_is_not_deleted(environment, control):
    bed = bed_of(environment)
    group = bed.group()
    (theirs,) = control("POST", f"/accounts/{environment.account}/instances", [{}])["instanceIds"]
    members = {"instanceIds": [theirs], "entrusted": True}
    control("POST", f"/accounts/{environment.account}/scaling-groups/{group}/members", members)
    left = bed.resources.remove_all()
    assert str(left) == f"scaling group {group}"
    assert left_in(environment)["instances"] == [theirs], "all else is removed"


def test_an_answer_that_is_lost_makes_nothing_that_is_not_found(bent):
    for operation in ("RunInstances", "CreateNetworkInterface", "CreateScalingGroup"):
        environment = bent(Bend("", "", operation, {"kind": "dropAfter"}))
        bed = bed_of(environment)
        bed.group()
        bed.interface()
        found = left_in(environment)
        assert len(found["instances"]) == len(found["groups"]) == 1, "the call is repeated with its token, and makes nothing twice"
        assert not bed.resources.remove_all() and left_in(environment) == {}


def test_what_is_shown_late_is_found(bent):
    environment = bent(Bend("", "", "RunInstances", {"kind": "delay", "reads": 1}))
    environment.LOOKS = RealCloud.LOOKS
    bed = bed_of(environment)
    bed.resources.create_instance()
    assert not bed.resources.remove_all() and left_in(environment) == {}
