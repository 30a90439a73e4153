"""What the demo, the benches and the test on a real node stand on: the built programs, a simulated cloud and an operator outside of the cluster.

Every process is started through `Guarded`, so that none of them outlives this one, however it ends.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from control_plane import ControlPlane  # noqa: E402
from guarded import Guarded  # noqa: E402

REGION = "cn-hangzhou"
NAMESPACE = "ecs-keeper"
SERVICE_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:ecs-keeper"

# What listens on loopback: a proxy that the environment names has no business between.
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """Something did not come out as it must; the text is for people."""


def build(profile: str, *options: str) -> dict[str, Path]:
    """Builds the operator and the simulator with a profile of Cargo.toml; cargo's own progress goes to standard error. The programs by their names."""
    packages = ("--package=ecs-keeper", "--package=keeper-simulator", "--bins")
    command = ["cargo", "build", "--locked", "--message-format=json-render-diagnostics", f"--profile={profile}", *packages, *options]
    with Guarded(command, cwd=ROOT, stdout=subprocess.PIPE) as cargo, cargo.output as output:
        messages = [json.loads(line) for line in output]
        if cargo.wait():
            raise Failed("The programs can't be built; cargo says why above.")
    return {message["target"]["name"]: Path(message["executable"]) for message in messages if message.get("executable")}


def eventually(condition, *, patience: float = 30.0, every: float = 0.05, check=lambda: None):
    """The first value of `condition` that is not false, or the last one when patience is at its end."""
    deadline = time.monotonic() + patience
    while not (value := condition()) and time.monotonic() < deadline:
        check()
        time.sleep(every)
    return value


class Patient:
    """Waits for what processes bring about that run beside each other, the control plane among them, for as long as all of them do."""

    patience: float
    """In seconds."""
    _plane: ControlPlane
    _running: list
    """Processes that can be checked."""

    def eventually(self, what: str, holds):
        """The first value of `holds` that is not false."""
        if value := eventually(holds, patience=self.patience, every=0.2, check=self._check):
            return value
        self._plane.keep_logs()
        raise Failed(f"{self.patience:.0f} s have passed, and it is not so that {what}.")

    def _check(self) -> None:
        for each in self._running:
            each.check()


class Refused(Failed):
    """The cloud said no."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class Kind:
    """How the cloud calls what is asked of one kind of resource."""

    read: str
    page: int
    """The most that one answer holds."""
    ids: str
    """How the parameter of the read begins that names single ones."""
    write: str

    def begins_listing(self, entry: dict) -> bool:
        """Whether a request of the log begins a listing of the region: it has neither ids nor tags nor a page's token."""
        narrows = ("NextToken", "Tag.", self.ids)
        return entry["action"] == self.read and not any(name.startswith(narrows) for name in entry["parameters"])


INSTANCES = Kind("DescribeInstances", 100, "InstanceIds", "ModifyInstanceAttribute")
INTERFACES = Kind("DescribeNetworkInterfaces", 500, "NetworkInterfaceId", "ModifyNetworkInterfaceAttribute")


class ControlPort:
    """How a simulated cloud is told what to be, and shows what it is."""

    def __init__(self, url: str, log: str):
        """`log` is where to look if it does not answer."""
        self.control = url
        self._log = log

    def ask(self, method: str, path: str, body=None):
        """A request."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, method=method, data=data, headers={"content-type": "application/json"})
        try:
            with WITHOUT_PROXY.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}")
            raise Refused(said.get("code", str(error.code)), said.get("error", error.reason)) from None
        except (OSError, http.client.HTTPException) as error:
            # Only what fails while it is sent becomes a URLError, with the cause as its reason.
            reason = getattr(error, "reason", error)
            raise Failed(f"The simulator does not answer ({reason}); its log is {self._log}.") from None

    def account(self, instances: list[dict]) -> Account:
        """A new account with these instances."""
        account = Account(self, self.ask("POST", "/accounts", {}))
        account.seed(instances)
        return account


class Cloud(ControlPort):
    """A simulated cloud of its own process. Its log lies beside the control plane's, and shares their fate."""

    def __init__(self, program: Path, logs: Path):
        with open(logs / "ecs-simulator.log", "wb") as log:
            self._process = Guarded([program], stdout=subprocess.PIPE, stderr=log)
        super().__init__("", log.name)

    def __enter__(self) -> Cloud:
        ready = self._process.output.readline()
        if not ready:
            self._process.stop()
            raise Failed(f"The simulator did not start; its log is {self._log}.")
        addresses = json.loads(ready)
        self.endpoint, self.control = addresses["endpoint"], addresses["control"]
        return self

    def __exit__(self, *_) -> None:
        self._process.stop()
        self._process.output.close()


class Account:
    """An account of the cloud, as its owner and the cloud itself see it. Nothing here goes through the operator's road."""

    def __init__(self, cloud: ControlPort, made: dict):
        self.cloud = cloud
        self.id = made["accountId"]
        self.key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": made["accessKeyId"], "ALIBABA_CLOUD_ACCESS_KEY_SECRET": made["accessKeySecret"]}

    def environment(self) -> dict[str, str]:
        """This process's environment with the account's key, and without whatever is set there for a real cloud or a real operator."""
        return {**{name: value for name, value in os.environ.items() if not name.startswith(("ALIBABA_CLOUD_", "ECS_KEEPER_"))}, **self.key}

    def ask(self, method: str, path: str, body=None):
        return self.cloud.ask(method, f"/accounts/{self.id}{path}", body)

    def seed(self, instances: list[dict]) -> None:
        """More instances, as the simulator's README describes seeds."""
        self.ask("POST", "/instances", instances)

    def instances(self) -> dict[str, dict]:
        """The true state, whatever the cloud's answers show at the moment."""
        return {instance["instanceId"]: instance for instance in self.ask("GET", "/instances")["instances"]}

    def interfaces(self) -> dict[str, dict]:
        """The true state of the network interfaces, with their route entries, which no answer of the cloud shows."""
        return {interface["networkInterfaceId"]: interface for interface in self.ask("GET", "/network-interfaces")["networkInterfaces"]}

    def unbound_eips(self) -> set[str]:
        """The public addresses that are bound to nothing."""
        return {eip["publicIpAddress"] for eip in self.ask("GET", "/unbound-eips")["eips"]}

    def retained(self) -> set[str]:
        """The network interfaces that outlive the release of their instance."""
        return {name for name, interface in self.interfaces().items() if not interface["deleteOnRelease"]}

    def protected(self) -> set[str]:
        return {name for name, instance in self.instances().items() if instance["deletionProtection"]}

    def release(self, instance: str) -> None:
        """A release in the console; raises `Refused`."""
        self.ask("POST", f"/instances/{instance}/release", {"reason": "manual"})

    def switch_off(self, instance: str) -> None:
        """Release protection switched off in the console."""
        self.ask("PATCH", f"/instances/{instance}", {"deletionProtection": False})

    def seed_scaling_group(self, group: str, instances: list[str]) -> None:
        """A scaling group that has created these instances."""
        self.ask("POST", "/scaling-groups", [{"scalingGroupId": group, "members": [{"instanceIds": instances}]}])

    def protected_members(self, group: str) -> set[str]:
        """The members of a scaling group that are protected from scale-in."""
        members = self.ask("GET", f"/scaling-groups/{group}")["members"]
        return {member["instanceId"] for member in members if member["lifecycleState"] == "Protected"}

    def scale_in(self, group: str, count: int) -> list[str]:
        """A scaling rule makes a group smaller; the members that it removes."""
        return self.ask("POST", f"/scaling-groups/{group}/scale-in", {"count": count})["instanceIds"]

    def console(self, action: str, parameters: dict[str, str]) -> dict:
        """Any operation of the cloud, carried out by somebody who is not the operator; raises `Refused`."""
        return self.ask("POST", "/console", {"action": action, "parameters": parameters})

    def log(self, action: str = "", after: int = 0) -> list[dict]:
        """What was asked of the cloud, oldest first: one operation or all, from behind a place in the log."""
        suffix = f"&action={action}" if action else ""
        return self.cloud.ask("GET", f"/log?account={self.id}&after={after}{suffix}")["entries"]

    def forget_log(self) -> None:
        """Has the log begin anew."""
        self.cloud.ask("DELETE", f"/log?account={self.id}")

    def changes(self, action: str) -> int:
        """How many requests of one operation have changed something."""
        return self.cloud.ask("GET", f"/log/counts?account={self.id}").get(action, {}).get("mutations", 0)

    def kept(self, kind: Kind) -> int:
        """How many carry the protected value of their flag."""
        return len(self.protected() if kind == INSTANCES else self.retained())

    def writes(self, kind: Kind = INSTANCES) -> list[dict]:
        return self.log(kind.write)

    def listings(self, after: int = 0, kind: Kind = INSTANCES) -> list[dict]:
        """The requests that begin a listing of the region."""
        return list(filter(kind.begins_listing, self.log(kind.read, after)))


class Command:
    """A program that an administrator types, run from the top of the repository with access to the cluster."""

    def __init__(self, name: str, program: Path, plane: ControlPlane):
        self.name = name
        self._program = program
        # What is set there for a real operator is not meant for this one.
        self._environment = {name: value for name, value in plane.environment().items() if not name.startswith("ECS_KEEPER_")}

    def __call__(self, *arguments: str) -> str:
        """Runs it and answers what it prints; raises `Failed` when it fails."""
        with Guarded(
            [self._program, *arguments], cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process, process.output as output:
            text = output.read().decode()
            if process.wait():
                raise Failed(f"{shlex.join([self.name, *arguments])} failed:\n{text}")
        return text


class Kubectl(Command):
    """The administrator's kubectl."""

    def __init__(self, plane: ControlPlane):
        super().__init__("kubectl", plane.kubectl, plane)


def install(plane: ControlPlane, kubectl: Kubectl, *values: str) -> None:
    """Installs the chart, with values as Helm's `--set` takes them. No Pod runs here, so that its Deployment never runs."""
    helm = Command("helm", plane.helm, plane)
    helm("install", "ecs-keeper", "deploy/charts/ecs-keeper", f"--namespace={NAMESPACE}", "--create-namespace", *(f"--set={each}" for each in values))
    definitions = ("crd/ecsinstanceprotections.ecs-keeper.io", "crd/eniretentions.ecs-keeper.io")
    kubectl("wait", "--for=condition=Established", *definitions, "--timeout=30s")
    # Their storage comes a moment later; kubectl asks again for as long as the API server tells it to.
    kubectl("get", "ecsprot,eniret", f"--namespace={NAMESPACE}")


class Operator:
    """`ecs-keeper run` outside of the cluster, with exactly the rights of its ServiceAccount."""

    def __init__(
        self,
        program: Path,
        kubectl: Kubectl,
        account: Account,
        logs: Path,
        *,
        sweep: str | None = None,
        budgets: dict | None = None,
        config: str | None = None,
        **others,
    ):
        """What is not given is left to the operator's own defaults. `others`: more keys of the configuration. `config`: the text of all of it instead."""
        access = json.loads(kubectl("config", "view", "--raw", "--output=json"))
        token = kubectl("create", "token", "ecs-keeper", f"--namespace={NAMESPACE}", "--duration=24h").strip()
        access["users"] = [{"name": each["name"], "user": {"token": token}} for each in access["users"]]
        folder = Path(tempfile.mkdtemp(prefix="ecs-keeper-operator-"))
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(access))
        settings = folder / "config.yaml"
        endpoints = {product: account.cloud.endpoint for product in ("ecs", "ess")}
        entry = {"name": "default", "accountId": account.id, "endpoints": endpoints, "budgets": budgets or {}}
        settings.write_text(config or json.dumps({**({"sweepInterval": sweep} if sweep else {}), "accounts": [entry], **others}))
        command = [program, "run", f"--namespace={NAMESPACE}", f"--kubeconfig={kubeconfig}", f"--config={settings}", "--admin-address=127.0.0.1:0"]
        self.log = logs / "ecs-keeper.log"
        with open(self.log, "ab") as log:
            # The grace is for calls that are under way; `remove`, because the folder holds the token.
            self._process = Guarded(command, grace=5, remove=folder, env=account.environment(), stdout=log, stderr=log)

    def __enter__(self) -> Operator:
        return self

    def __exit__(self, *_) -> None:
        self._process.stop()

    @property
    def guard(self) -> int:
        """The process id of the guard; the operator is its only child."""
        return self._process.pid

    def address(self) -> str | None:
        """Where it serves probes and metrics, once it does."""
        lines = (line for line in self.log.read_text().splitlines() if "serving probes and metrics" in line)
        found = re.search(r"127\.0\.0\.1:\d+", "".join(lines))
        return found.group(0) if found else None

    def check(self) -> None:
        """Raises if the operator has ended."""
        if (code := self._process.poll()) is not None:
            raise Failed(f"The operator ended by itself with {code}; its log is {self.log}.")
