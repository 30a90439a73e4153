"""Asks a real account what the documentation of the cloud leaves open, and compares the answers with the simulator's.

See docs/real-cloud.md. This has never been run against the real cloud.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import market
import probes  # noqa: F401 It fills the list of probes.
from cloud import Cloud, Failed, Interrupted
from environment import Control, RealCloud, SimulatedCloud, Watch, simulator
from operations import policy
from probe import PROBES, Answer, Probe, ask
from report import Placeholders, render
from resources import LIFETIME, Resources, new_run
from testbed import Testbed

# What the probes make, one after the other or beside each other, and how long they take, in minutes. What is slow comes on top.
INSTANCES, SLOW_INSTANCES = 5, 1
INTERFACES, SLOW_INTERFACES = 24, 2
MINUTES, SLOW_MINUTES = 50, 45

INTERRUPTED, LEFT, DIFFERENT, SAME = 130, 3, 1, 0


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.policy:
        print(json.dumps(policy(), indent=2))
        return 0
    if options.list:
        print("\n".join(f"{each.name}{' (slow)' if each.slow else ''}\n    {' '.join(each.question.split())}" for each in PROBES))
        return 0
    watch = Watch()
    try:
        environment = connect(options, watch)
        return clean_up(options, environment) if options.clean_up is not None else run(options, environment)
    except Interrupted:
        return INTERRUPTED
    except Failed as error:
        say(f"real-cloud: {error}")
        return 2


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make real-cloud", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--policy", action="store_true", help="print the RAM policy that is needed, and end")
    parser.add_argument("--list", action="store_true", help="list the probes, and end")
    parser.add_argument("--account", metavar="ID", help="the account; the credentials have to be of this one")
    parser.add_argument("--region", help="such as cn-hangzhou")
    parser.add_argument("--zone", help="such as cn-hangzhou-h")
    parser.add_argument("--vswitch", metavar="ID", help="a vSwitch of the zone, in which instances and network interfaces are made")
    parser.add_argument("--security-group", metavar="ID", help="a security group of the same VPC")
    parser.add_argument("--instance-type", help="instead of the cheapest one")
    parser.add_argument("--image", metavar="ID", help="instead of the vendor's smallest Linux image")
    parser.add_argument("--only", metavar="PROBE", action="append", help="only this probe; repeatable")
    parser.add_argument("--slow", action="store_true", help="also the probes that take more than half an hour")
    parser.add_argument("--output", type=Path, help="where to write the report; standard output if it is not given")
    parser.add_argument("--clean-up", metavar="RUN", nargs="?", const="", help="only remove what a run has left, or what all have left")
    parser.add_argument("--yes", action="store_true", help="ask for no confirmation; only with --simulator")
    parser.add_argument("--simulator", metavar="URL", help="ask the simulator with this control port, and not the cloud; for tests")
    options = parser.parse_args(arguments)
    needed = ["account", "region", "zone"] + ([] if options.clean_up is not None or options.simulator else ["vswitch", "security_group"])
    missing = [f"--{name.replace('_', '-')}" for name in needed if not getattr(options, name)]
    if missing and not (options.policy or options.list):
        parser.error(f"{', '.join(missing)} must be given")
    if options.yes and not options.simulator:
        parser.error("--yes is for the tests, which give --simulator: in a real account somebody has to confirm")
    if options.simulator and urlsplit(options.simulator).hostname not in ("127.0.0.1", "::1", "localhost"):
        parser.error("--simulator takes an address on the loopback interface")
    unknown = set(options.only or ()) - {each.name for each in PROBES}
    if unknown:
        parser.error(f"there is no probe {', '.join(sorted(unknown))}; --list lists them")
    return options


def connect(options: argparse.Namespace, watch: Watch):
    """The account that was named, whose credentials are looked at first."""
    if options.simulator:
        names = {"accessKeyId": "ALIBABA_CLOUD_ACCESS_KEY_ID", "accessKeySecret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET"}
        account = {"accountId": options.account, **{name: os.environ[variable] for name, variable in names.items()}}
        environment = SimulatedCloud(watch, Control(options.simulator), region=options.region, zone=options.zone, account=account)
    else:
        place = {"v_switch": options.vswitch, "security_group": options.security_group}
        environment = RealCloud(watch, region=options.region, zone=options.zone, **place)
    found = Cloud(environment, None).call("GetCallerIdentity")["AccountId"]
    if found != options.account:
        raise Failed(f"The credentials are of the account {found}, and not of {options.account}. Nothing was made.")
    environment.account = found
    return environment


def chosen(options: argparse.Namespace) -> list[Probe]:
    """The probes that are asked for."""
    if options.only:
        return [each for each in PROBES if each.name in options.only]
    return [each for each in PROBES if options.slow or not each.slow]


def run(options: argparse.Namespace, environment) -> int:
    """Asks the probes, and removes what was made for them, whatever happens."""
    asked = chosen(options)
    cloud = Cloud(environment, new_run())
    if not options.simulator:
        environment.offer = market.cheapest(cloud, options.instance_type, options.image)
    say(statement(environment, asked))
    confirm(options, "Type the number of the account to go on: ", options.account)
    say(f"This is the run {cloud.run}.")
    environment.watch.install()
    # First, so that whatever is wrong with the simulator is known before anything is made.
    say("Asking the simulator")
    simulated = simulate(environment, asked)
    resources = Resources(cloud, tell)
    real, interrupted = [], False
    try:
        for answer in tell_all(asked, Testbed(cloud, resources), tell):
            real.append(answer)
    except Interrupted:
        interrupted = True
    finally:
        left = remove(environment, resources)
    secrets = Placeholders(secrets_of(environment, cloud))
    report = render(list(zip(real, simulated)), place=about(environment, options), placeholders=secrets)
    if options.output:
        options.output.write_text(report)
        say(f"The report is in {options.output}.")
    else:
        print(report)
    if left or interrupted:
        return LEFT if left else INTERRUPTED
    return SAME if report.startswith("# No ") else DIFFERENT


def say(text: str, end: str = "\n") -> None:
    """Says something to the person. That the terminal is gone is no reason to stop removing."""
    with suppress(OSError):
        print(text, end=end, file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """A line of progress."""
    say(f"  {text}")


def tell_all(asked: list[Probe], bed: Testbed, tell=lambda _: None) -> Iterator[Answer]:
    """The answers to the probes, in their order."""
    for number, each in enumerate(asked, 1):
        tell(f"[{number}/{len(asked)}] {each.name}")
        yield ask(each, bed)


def simulate(environment, asked: list[Probe]) -> list[Answer]:
    """What the simulator answers in the same region, with the same type of instance."""
    with simulator() as control:
        twin = SimulatedCloud(environment.watch, control, region=environment.region, zone=environment.zone)
        twin.offer = replace(environment.offer, parameters={})
        cloud = Cloud(twin, new_run())
        return list(tell_all(asked, Testbed(cloud, Resources(cloud))))


def remove(environment, resources: Resources):
    """Removes what bears the mark of the run. What is left."""
    environment.watch.deaf = True
    say("Removing what was made")
    try:
        left = resources.remove_all()
    except Failed as error:
        say(f"real-cloud: {error}")
        left = True
    finally:
        environment.watch.deaf = False
    if left:
        again = f"make real-cloud ARGS='--account … --region … --zone … --clean-up {resources.cloud.run or ''}'"
        what = "" if left is True else f": {left}"
        say(f"real-cloud: not everything could be removed{what}. Try again with {again}.")
        say(f"The cloud itself releases instances {LIFETIME} hours after they were made.")
    return left


def clean_up(options: argparse.Namespace, environment) -> int:
    """Removes what former runs have left."""
    resources = Resources(Cloud(environment, options.clean_up or None), tell)
    found = resources.find()
    if not found:
        say("Nothing is left of any run." if not options.clean_up else f"Nothing is left of the run {options.clean_up}.")
        return 0
    say(f"Left of {', '.join(sorted(found.runs))}: {found}.\nA run that is under way loses this, too.")
    confirm(options, "Type the number of the account to remove it: ", options.account)
    environment.watch.install()
    return LEFT if remove(environment, resources) else 0


def confirm(options: argparse.Namespace, question: str, expected: str) -> None:
    """Goes on if somebody types what is expected."""
    if options.yes:
        return
    try:
        say(question, end="")
        typed = sys.stdin.readline().strip()
    except KeyboardInterrupt:
        typed = ""
    if typed != expected:
        raise Failed("Not confirmed. Nothing was made, and nothing was removed.")


def statement(environment, asked: list[Probe]) -> str:
    """What is going to happen, before it does."""
    slow = any(each.slow for each in asked)
    count = INSTANCES + (SLOW_INSTANCES if slow else 0)
    interfaces = INTERFACES + (SLOW_INTERFACES if slow else 0)
    minutes = MINUTES + (SLOW_MINUTES if slow else 0)
    offer = environment.offer
    if offer.hourly is None:
        price = "They cost nothing, because this is a simulator."
    else:
        most = math.ceil(offer.hourly * count * LIFETIME * 100) / 100
        price = f"""An hour of one costs {offer.hourly} {offer.currency} with its disk, says DescribePrice. Most live for minutes. If this program is killed, the cloud
releases them {LIFETIME} hours after they were made: {most} {offer.currency} at most. The exception is a kill in the seconds in which a probe
has taken this time away. In any case --clean-up removes what is left."""
    return f"""
In the account {environment.account}, zone {environment.zone}, this is going to make
  up to {count} pay-as-you-go instances of the type {offer.instance_type}, without a public address,
  up to {interfaces} network interfaces and 1 scaling group, which cost nothing.
{price}
It takes about {minutes} minutes, and then removes all of it. It changes nothing that it has not made.
It needs the rights that --policy prints. It has never been run against the real cloud.
"""


def about(environment, options: argparse.Namespace) -> dict[str, str]:
    """The head of the report."""
    return {
        "Region": environment.region,
        "Instance type": environment.offer.instance_type,
        "Asked": "the simulator, for a test" if options.simulator else "the real cloud",
    }


def secrets_of(environment, cloud: Cloud) -> dict[str, str]:
    """What must not be in the report, even where nothing gives it away."""
    named = {environment.account: "account", environment.v_switch: "vswitch", environment.security_group: "security-group", cloud.run: "run"}
    return {**named, **{made: f"made-{number}" for number, made in enumerate(sorted(cloud.made), 1)}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
