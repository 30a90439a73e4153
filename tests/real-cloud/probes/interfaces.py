"""Network interfaces: the flag DeleteOnRelease, and attaching and detaching."""

from __future__ import annotations

from cloud import ACCEPTED
from probe import NotAsked, probe
from testbed import made_up

from .shapes import shapes


@probe(
    "What is DeleteOnRelease of a network interface that CreateNetworkInterface was told nothing of it?",
    "The page of CreateNetworkInterface does not say it.",
)
def flag_of_a_new_interface(bed):
    bed.instance()
    said_nothing, said_false = bed.interface(), bed.interface(DeleteOnRelease=False)
    yield "nothing was said", bed.flag(said_nothing)
    yield "false was said", bed.flag(said_false)
    bed.discard(said_nothing, said_false)


@probe(
    "Can DeleteOnRelease of a free network interface change, and does the next read show it?",
    "The page of ModifyNetworkInterfaceAttribute names no state that it needs.",
)
def flag_of_a_free_interface(bed):
    bed.instance()
    interface_id = bed.interface()
    yield "retaining it", bed.retain(interface_id)
    yield from bed.visible(lambda: bed.flag(interface_id) is False)
    yield "retaining it once more", bed.retain(interface_id)
    yield "giving it up", bed.retain(interface_id, on=False)
    yield "the flag afterwards", bed.environment.wait_until(lambda: bed.flag(interface_id) is True, 60) is True
    bed.discard(interface_id)


@probe(
    "With which code is a ClientToken refused that was used with other parameters?",
    "The common error page: 400 IdempotentParameterMismatch. The page of CreateDisk: 403.",
)
def client_token_with_other_parameters(bed):
    bed.instance()
    parameters = bed.resources.interface(NetworkInterfaceName="first")
    first = bed.cloud.call("CreateNetworkInterface", **parameters)["NetworkInterfaceId"]
    bed.cloud.made.add(first)
    for name, change in (("the same parameters", {}), ("another name", {"NetworkInterfaceName": "second"})):
        outcome = bed.cloud.attempt("CreateNetworkInterface", **{**parameters, **change})
        yield f"the token with {name}", outcome
        if outcome.accepted:
            made = outcome.body["NetworkInterfaceId"]
            bed.cloud.made.add(made)
            yield f"what is made with {name}", "the same interface" if made == first else "another interface"
    bed.settle(first, "Available")
    bed.discard(first)


@probe(
    "What is a network interface while it is being attached, and can DeleteOnRelease change meanwhile?",
    "The page of AttachNetworkInterface: Attaching, then InUse. ModifyNetworkInterfaceAttribute lists InvalidOperation.InvalidEniState.",
)
def flag_while_attaching(bed):
    instance_id, interface_id = bed.instance(), bed.interface()
    call = {**bed.region, "NetworkInterfaceId": interface_id, "InstanceId": instance_id}
    yield "attaching it", bed.cloud.attempt("AttachNetworkInterface", **call)
    before = bed.status(interface_id)
    outcome = bed.retain(interface_id)
    after = bed.status(interface_id)
    yield "the first read shows", before
    if before == after == "Attaching":
        yield "retaining it meanwhile", outcome
    else:
        yield "retaining it meanwhile", NotAsked(f"it was {after} by then")
    yield "in the end it is", bed.settle(interface_id, "InUse", "Available")["Status"]
    yield "detaching it", bed.cloud.attempt("DetachNetworkInterface", **call)
    yield "while it is being detached, a read shows", bed.status(interface_id)
    yield "and in the end", bed.settle(interface_id, "Available")["Status"]
    bed.discard(interface_id)


@probe(
    "Does DeleteOnRelease keep its value when a network interface is attached, detached and attached again?",
    "No page says it. One words it as if an interface that was ever detached is no longer deleted with an instance.",
)
def flag_survives_attaching(bed):
    instance_id = bed.instance()
    for value in (True, False):
        interface_id = bed.interface(DeleteOnRelease=value)
        name = "true" if value else "false"
        yield f"{name}: attached", bed.attach(interface_id, instance_id).get("DeleteOnRelease")
        bed.retain(interface_id, on=not value)
        yield f"{name}: set while it is attached", bed.environment.wait_until(lambda: bed.flag(interface_id) is value, 60) is True
        yield f"{name}: detached", bed.detach(interface_id, instance_id).get("DeleteOnRelease")
        yield f"{name}: attached again", bed.attach(interface_id, instance_id).get("DeleteOnRelease")
        bed.detach(interface_id, instance_id)
        bed.discard(interface_id)


@probe(
    "What is answered to an attach that has happened already, and to the deletion of an interface in use?",
    "The pages of AttachNetworkInterface and DeleteNetworkInterface: the interface must be Available.",
)
def attaching_again(bed):
    instance_id, interface_id = bed.instance(), bed.interface()
    bed.attach(interface_id, instance_id)
    call = {**bed.region, "NetworkInterfaceId": interface_id, "InstanceId": instance_id}
    yield "attaching it again", bed.cloud.attempt("AttachNetworkInterface", **call)
    yield "deleting it", bed.cloud.attempt("DeleteNetworkInterface", **bed.region, NetworkInterfaceId=interface_id)
    yield "it is", bed.status(interface_id)
    bed.detach(interface_id, instance_id)
    yield "detaching it again", bed.cloud.attempt("DetachNetworkInterface", **call)
    bed.discard(interface_id)


@probe(
    "With which code is detaching a primary network interface refused?",
    "The page of DetachNetworkInterface: 400 InvalidOperation.DetachPrimaryEniNotAllowed.",
)
def detaching_a_primary_interface(bed):
    instance_id = bed.instance()
    primary = bed.resources.adopt_primary(instance_id)
    call = {**bed.region, "NetworkInterfaceId": primary, "InstanceId": instance_id}
    yield "detaching it", bed.cloud.attempt("DetachNetworkInterface", **call)


@probe(
    "Can a primary network interface be retained in this region, and with which code is it refused elsewhere?",
    """The page on retention lists the regions. The page of ModifyNetworkInterfaceAttribute has two codes for the others:
    404 InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc and 403 InvalidOperation.InvalidEniType.""",
)
def flag_of_a_primary_interface(bed):
    primary = bed.resources.adopt_primary(bed.instance())
    yield "the flag of a new instance's", bed.flag(primary)
    outcome = bed.retain(primary)
    yield "retaining it", outcome
    if outcome.accepted:
        yield "the flag afterwards", bed.environment.wait_until(lambda: bed.flag(primary) is False, 60) is True
        yield "giving it up", bed.retain(primary, on=False)


@probe(
    "Does DescribeNetworkInterfaces leave out ids that it does not know?",
    "Its page lists InvalidEniId.NotFound; the vendor's Terway counts on their being left out.",
)
def unknown_interfaces(bed):
    primary = bed.resources.adopt_primary(bed.instance())
    call = {**bed.region, "NetworkInterfaceId": [primary, made_up("eni")], "MaxResults": 100}
    outcome = bed.cloud.attempt("DescribeNetworkInterfaces", **call)
    yield "asking for one that is there and one that is not", outcome
    if outcome.text == ACCEPTED:
        yield "how many are shown", len(outcome.body["NetworkInterfaceSets"]["NetworkInterfaceSet"])


@probe(
    "How does DescribeNetworkInterfaces write what ecs-keeper reads?",
    "The page of DescribeNetworkInterfaces.",
)
def shape_of_an_interface(bed):
    primary = bed.resources.adopt_primary(bed.instance())
    free = bed.interface()
    for name, interface_id in (("primary", primary), ("free", free)):
        (item,) = bed.resources.interfaces([interface_id])
        paths = ("DeleteOnRelease", "InstanceId", "Attachment", "ServiceManaged", "CreationTime", "Tags.Tag")
        sets = ("PrivateIpAddress", "PrivateIpSets.PrivateIpSet", "Ipv6Sets.Ipv6Set", "SecurityGroupIds.SecurityGroupId")
        for path, observed in shapes(item, *paths, *sets):
            yield f"{name}: {path}", observed
        yield f"{name}: Type says", item.get("Type")
        yield f"{name}: Status says", item.get("Status")
    bed.discard(free)


@probe(
    "With which code and HTTP status is the deletion of an interface refused that is gone?",
    "The page of DeleteNetworkInterface: InvalidEniId.NotFound with 403; other pages have the code with 404.",
)
def deleting_a_gone_interface(bed):
    bed.instance()
    interface_id = bed.interface()
    bed.discard(interface_id)
    call = {**bed.region, "NetworkInterfaceId": interface_id}
    yield "deleting it", bed.cloud.attempt("DeleteNetworkInterface", **call)
    yield "retaining it", bed.retain(interface_id)
