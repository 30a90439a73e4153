"""The story of the addresses: what a release takes along, and what retention keeps of it for another machine."""

from __future__ import annotations

import json
import re
import time

from chapter import IN, SWEEP, Chapter, names
from stage import INTERFACES, REGION, Refused

GATEWAY = "eniret/gateway"

FIRST = {f"eni-bp1gate1{letter}" for letter in "abc"}
SECOND = {f"eni-bp1gate2{letter}" for letter in "abc"}
# The second gateway's primary interface and its two others.
PRIMARY, ROUTED, SPARE = sorted(SECOND)
STAND_IN, REMOTE = "i-bp1standin", "i-bp1remote"


def gateways() -> list[dict]:
    """Two gateways alike, a machine beside them and one in another zone, as the simulator's README describes seeds."""
    place = {"vpcId": "vpc-bp1prod", "vSwitchId": "vsw-bp1prodh", "securityGroupIds": ["sg-bp1gateway"]}

    def gateway(n: int) -> dict:
        primary = {"type": "Primary", "eips": [{"allocationId": f"eip-bp1gate{n}", "publicIpAddress": f"203.0.113.{n}"}]}
        interfaces = [primary, {"routes": [f"192.168.{n}.0/24"]}, {}]
        numbered = [
            {"networkInterfaceId": f"eni-bp1gate{n}{letter}", "primaryIpAddress": f"10.0.{n}.{10 + host}", **interface}
            for host, (letter, interface) in enumerate(zip("abc", interfaces))
        ]
        return {"instanceId": f"i-bp1gate{n}", "instanceName": f"gate-{n}", "networkInterfaces": numbered, **place}

    return [
        gateway(1),
        {**gateway(2), "tags": {"service": "gateway"}},
        {"instanceId": STAND_IN, "instanceName": "stand-in", **place},
        {"instanceId": REMOTE, "instanceName": "remote", **place, "vSwitchId": "vsw-bp1prodi", "zoneId": f"{REGION}-i"},
    ]


class Addresses(Chapter):
    """Retention: the machine goes, its network interfaces stay and are used again."""

    def tell(self) -> None:
        """Tells it."""
        self._tell.story("Addresses")
        self._gone_with_the_machine()
        self._six_lines()
        self._the_machine_goes()
        self._attached_again()
        self._the_wrong_zone()
        self._a_new_machine()
        self._deleted_under_keep()

    def _gone_with_the_machine(self) -> None:
        tell = self._tell
        tell.step("Gone with the machine", "a released machine takes its network interfaces along, and with them all that is bound to them")
        tell.say(
            """Two gateways, gate-1 and gate-2, have three network interfaces each: a primary one with an elastic IP address (EIP) that
            others let through their firewalls, one to which a route of the VPC leads, and a third. DeleteOnRelease is true on all of them,
            as it is if nobody says otherwise: they are deleted with their instance. gate-1 is released."""
        )
        self._account.seed(gateways())
        self._list(FIRST | SECOND)
        self._release("i-bp1gate1")
        self._list(FIRST | SECOND)
        tell.check(not FIRST & set(self._account.interfaces()), "gate-1's network interfaces and their private addresses are gone.")
        tell.check(self._account.unbound_eips() == {"203.0.113.1"}, "its EIP 203.0.113.1 is bound to nothing. It is still there, and billed.")
        tell.check(self._routes() == {"192.168.2.0/24"}, "the route 192.168.1.0/24 that led to it is gone.")

    def _six_lines(self) -> None:
        tell = self._tell
        tell.step("Six lines again", "six lines of YAML switch DeleteOnRelease off on every interface of the machines with a tag")
        tell.say("gate-2 has the tag service=gateway. Its interfaces are found through it, and no interface has to be named.")
        tell.show("demo/addresses.yaml")
        began = time.monotonic()
        tell.kubectl("apply", "-f", "demo/addresses.yaml")
        tell.kubectl("wait", "--for=condition=Retained", GATEWAY, *IN)
        took = time.monotonic() - began
        tell.kubectl("get", "eniret", *IN, "-o", "wide")
        retained = self._account.retained()
        tell.check(retained == SECOND, f"in the cloud DeleteOnRelease is off on exactly {names(retained)}, {took:.1f} s after kubectl apply began.")
        tell.check(self._written() == sorted(SECOND), "that took one write for each of them, and no other.")

    def _the_machine_goes(self) -> None:
        tell = self._tell
        tell.step("The machine goes, its addresses stay", "retained interfaces outlive their machine with all that they carry, and the status lists them")
        tell.say(
            """gate-2 is released in its turn. That a machine is gone is never concluded from one answer that lacks it: two look-ups by id, apart,
            have to. Then its interfaces are Available."""
        )
        self._release("i-bp1gate2")
        began = time.monotonic()
        tell.kubectl("wait", "--for=jsonpath={.status.networkInterfaces[2].phase}=Available", GATEWAY, *IN, "--timeout=2m")
        took = time.monotonic() - began
        tell.kubectl("get", "eniret", *IN, "-o", "wide")
        told = self._eventually(lambda: "Survived" in tell.look("events", f"--for={GATEWAY}", *IN))
        tell.kubectl("events", f"--for={GATEWAY}", *IN)
        tell.check(told, "an Event says which interfaces have outlived the machine.")
        fields = "{.phase}, {.type}, {.zoneId}, {.privateIps[*]}, EIPs [{.eips[*].publicIp}], {.securityGroupIds[*]}, last on {.lastInstanceId}"
        tell.kubectl("get", GATEWAY, *IN, f'-o=jsonpath={{range .status.networkInterfaces[*]}}{{.networkInterfaceId}}: {fields}{{"\\n"}}{{end}}')
        self._list(SECOND)
        status = self._status()
        tell.check(set(status["availableEniIds"]) == SECOND, f"{took:.1f} s after the release the status lists all three as free for reuse.")
        interfaces = self._account.interfaces()
        for row in status["networkInterfaces"]:
            true = interfaces[row["networkInterfaceId"]]
            shown = {name: row.get(name) for name in ("phase", "type", "zoneId", "privateIps", "securityGroupIds")}
            agrees = shown == {
                "phase": true["status"],
                "type": true["type"],
                "zoneId": true["zoneId"],
                "privateIps": [true["primaryIpAddress"], *true["privateIpAddresses"]],
                "securityGroupIds": true["securityGroupIds"],
            } and [eip["publicIp"] for eip in row.get("eips", [])] == [eip["publicIpAddress"] for eip in true["eips"]]
            tell.check(agrees, f"what it says of {row['networkInterfaceId']} is what the cloud knows.")
        tell.check(interfaces[PRIMARY]["type"] == "Secondary", f"{PRIMARY}, which was the primary interface, is a secondary one now.")
        tell.check(self._eip_is_bound(), "the EIP 203.0.113.2 is still bound to it.")
        tell.check(self._routes() == {"192.168.2.0/24"}, f"the route 192.168.2.0/24 still leads to {ROUTED}.")
        tell.check(self._account.retained() == SECOND, "DeleteOnRelease is still off on all three.")

    def _attached_again(self) -> None:
        tell = self._tell
        tell.step("Attached again", "one line in the spec attaches a free interface to another machine, once, and its flag is set again")
        tell.say(f"{STAND_IN} is to take over the traffic of the route: the interface to which it leads is attached to that machine.")
        tell.kubectl("patch", GATEWAY, *IN, "--type=merge", _patch({"spec": {"reattach": [_attach(ROUTED, STAND_IN)]}}))
        tell.kubectl("wait", "--for=jsonpath={.status.reattachments[0].phase}=Attached", GATEWAY, *IN)
        interface = self._account.interfaces()[ROUTED]
        tell.check((interface["instanceId"], interface["status"]) == (STAND_IN, "InUse"), f"in the cloud {ROUTED} is on {STAND_IN}.")
        tell.check(self._routes() == {"192.168.2.0/24"}, "the route leads to it as before.")
        tell.say(
            """No page of the vendor says whether DeleteOnRelease stays off when an interface is attached again. In this simulated cloud it
            doesn't, so it had to be switched off once more."""
        )
        tell.kubectl("wait", "--for=condition=Retained", GATEWAY, *IN)
        tell.check(ROUTED in self._account.retained(), f"in the cloud it is off again on {ROUTED}.")
        self._two_more_sweeps(INTERFACES)
        tell.check(self._attached() == [ROUTED], "two sweeps later the cloud has still been asked once to attach anything.")
        tell.check(self._written() == sorted([*SECOND, ROUTED]), "and one more write was needed for the flag.")

    def _the_wrong_zone(self) -> None:
        tell = self._tell
        tell.step("The wrong zone", "what can't be attached is refused with a sentence that says what to do, without asking the cloud")
        tell.say(f"{SPARE} is asked for on {REMOTE}, which is in zone {REGION}-i. An interface can't leave its zone.")
        entry = {"op": "add", "path": "/spec/reattach/-", "value": _attach(SPARE, REMOTE)}
        tell.kubectl("patch", GATEWAY, *IN, "--type=json", _patch([entry]))
        tell.kubectl("wait", "--for=condition=Stalled", GATEWAY, *IN)
        entry = f'.status.reattachments[?(@.networkInterfaceId=="{SPARE}")]'
        said = tell.kubectl("get", GATEWAY, *IN, f"-o=jsonpath={{range {entry}}}{{.phase}}, {{.reason}}: {{.message}}{{end}}")
        tell.check(said.startswith("Refused, ZoneMismatch: "), "it is refused, and the sentence names the reason.")
        tell.check(self._attached() == [ROUTED], "the cloud was not asked.")
        tell.say("It was a mistake, and the entry is taken out again.")
        tell.kubectl("patch", GATEWAY, *IN, "--type=json", _patch([{"op": "remove", "path": "/spec/reattach/1"}]))
        tell.kubectl("wait", "--for=condition=Ready", GATEWAY, *IN)
        tell.check(self._account.interfaces()[SPARE]["status"] == "Available", f"{SPARE} is free as before.")

    def _a_new_machine(self) -> None:
        tell = self._tell
        tell.step("A new machine with the old address", "ecs-keeper says how a new machine is made with a retained interface as its primary one")
        tell.say(
            f"""{PRIMARY} has the EIP that others let through. It is to be the primary interface of a new gateway. ecs-keeper creates no machines,
            but it knows what whoever creates one has to say."""
        )
        text = tell.keeper("eni", "handover", PRIMARY)
        printed = dict(re.findall(r"^ +--([\w.]+) (\S+)(?: \\)?$", text, re.MULTILINE))
        is_dry = printed.pop("DryRun", None) == "true"
        tell.check(is_dry and PRIMARY in printed.values(), f"it prints {len(printed)} parameters, and a dry run to begin with.")
        tell.say("Somebody creates an instance with exactly these; only image, instance type and the gateways' tag are added.")
        chosen = {"ImageId": "aliyun_3_x64_20G", "InstanceType": "ecs.g7.large", "Tag.1.Key": "service", "Tag.1.Value": "gateway"}
        self._create({**printed, **chosen, "DryRun": "true"}, refused="DryRunOperation")
        made = self._create({**printed, **chosen})
        interface = self._account.interfaces()[PRIMARY]
        is_primary = (interface["instanceId"], interface["type"]) == (made, "Primary")
        tell.check(is_primary, f"in the cloud {PRIMARY} is the primary interface of the new instance.")
        tell.check(self._eip_is_bound(), "the EIP 203.0.113.2 is bound to it as before.")
        tell.say("DeleteOnRelease is on again, as ecs-keeper has warned. The object still retains the interface, and sees to it.")
        tell.kubectl("wait", f"--for=jsonpath={{.status.availableEniIds[0]}}={SPARE}", GATEWAY, *IN)
        tell.kubectl("wait", "--for=condition=Retained", GATEWAY, *IN)
        tell.kubectl("get", "eniret", *IN, "-o", "wide")
        self._list(SECOND)
        tell.check(self._account.retained() == SECOND, "in the cloud it is off again, and all three are retained: two in use, one free.")

    def _deleted_under_keep(self) -> None:
        tell = self._tell
        tell.step("Deletion keeps, here too", "deleting the object changes nothing in the cloud, unless the object says so")
        tell.say("deletionPolicy is Keep if nothing is said, for addresses as for machines.")
        before = self._account.interfaces(), self._written()
        tell.kubectl("delete", "eniret", "gateway", *IN)
        # No object is left, so no listing tells how time goes by.
        time.sleep(3 * SWEEP)
        self._check_operator()
        unchanged = before == (self._account.interfaces(), self._written())
        tell.check(unchanged, f"{3 * SWEEP} s later the interfaces are as they were; nothing was written.")

    def _create(self, request: dict[str, str], refused: str | None = None) -> str | None:
        """Somebody creates an instance; its id."""
        act = "RunInstances" + (", as a dry run" if "DryRun" in request else "")
        shown = "\n".join(f"{name}={value}" for name, value in request.items() if name != "DryRun")
        code = made = None
        try:
            (made,) = self._account.console("RunInstances", request)["InstanceIdSets"]["InstanceIdSet"]
            answer = f"Created: {made}"
        except Refused as refusal:
            code, answer = refusal.code, str(refusal)
        self._tell.console(act, f"{shown}\n{answer}" if made is None else answer)
        self._tell.check(code == refused, f"the cloud's code is {refused}." if refused else "the cloud did not refuse.")
        return made

    def _list(self, meant: set[str]) -> None:
        """Those of the interfaces that exist, as the console shows them."""
        rows = [("ID", "TYPE", "ON", "ADDRESS", "EIP OR ROUTE", "ON RELEASE")]
        for name, interface in sorted(self._account.interfaces().items()):
            if name in meant:
                bound = [eip["publicIpAddress"] for eip in interface["eips"]] + interface["routes"]
                fate = "deleted" if interface["deleteOnRelease"] else "kept"
                rows.append((name, interface["type"], interface["instanceId"] or "-", interface["primaryIpAddress"], " ".join(bound), fate))
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
        self._tell.console("List the network interfaces", "\n".join(lines))

    def _status(self) -> dict:
        return json.loads(self._tell.look("get", GATEWAY, *IN, "--output=json"))["status"]

    def _routes(self) -> set[str]:
        """The destinations to which some interface is the way."""
        return {route for interface in self._account.interfaces().values() for route in interface["routes"]}

    def _eip_is_bound(self) -> bool:
        eips = self._account.interfaces()[PRIMARY]["eips"]
        return [eip["publicIpAddress"] for eip in eips] == ["203.0.113.2"] and "203.0.113.2" not in self._account.unbound_eips()

    def _written(self) -> list[str]:
        """The interfaces of all successful and unsuccessful writes of the flag so far, once for each write."""
        return sorted(entry["parameters"]["NetworkInterfaceId"] for entry in self._account.writes(INTERFACES))

    def _attached(self) -> list[str]:
        """The interfaces that the cloud was asked to attach, once for each request."""
        return [entry["parameters"]["NetworkInterfaceId"] for entry in self._account.log("AttachNetworkInterface")]


def _attach(interface: str, instance: str) -> dict:
    return {"networkInterfaceId": interface, "instanceId": instance}


def _patch(change) -> str:
    return f"--patch={json.dumps(change)}"
