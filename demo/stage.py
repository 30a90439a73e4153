"""What the demo and the benches stand on: the built programs, a simulated cloud and an operator outside of the cluster.

Every process is started through `Guarded`, so that none of them outlives this one, however it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from control_plane import ControlPlane  # noqa: E402
from guarded import Guarded  # noqa: E402

REGION = "cn-hangzhou"
NAMESPACE = "ecs-keeper"
SERVICE_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:ecs-keeper"

# The simulator listens on loopback: a proxy that the environment names has no business between.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """Something did not come out as it must; the text is for people."""


def build(*, release: bool) -> dict[str, Path]:
    """Builds the operator and the simulator, with cargo's own progress on standard error. The programs by their names."""
    packages = ("--package=ecs-keeper", "--package=keeper-simulator", "--bins")
    command = ["cargo", "build", "--locked", "--message-format=json-render-diagnostics", *packages, *(["--release"] if release else [])]
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


class Refused(Failed):
    """The cloud said no."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code


class Cloud:
    """A simulated cloud of its own process. Its log lies beside the control plane's, and shares their fate."""

    def __init__(self, program: Path, logs: Path):
        with open(logs / "ecs-simulator.log", "wb") as log:
            self._process = Guarded([program], stdout=subprocess.PIPE, stderr=log)
        self._log = log.name

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

    def ask(self, method: str, path: str, body=None):
        """A request to the control port."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, method=method, data=data, headers={"content-type": "application/json"})
        try:
            with _DIRECT.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}")
            raise Refused(said.get("code", str(error.code)), said.get("error", error.reason)) from None
        except urllib.error.URLError as error:
            raise Failed(f"The simulator does not answer ({error.reason}); its log is {self._log}.") from None

    def account(self, instances: list[dict]) -> Account:
        """A new account with these instances."""
        account = Account(self, self.ask("POST", "/accounts", {}))
        account.ask("POST", "/instances", instances)
        return account


class Account:
    """An account of the cloud, as its owner and the cloud itself see it. Nothing here goes through the operator's road."""

    def __init__(self, cloud: Cloud, made: dict):
        self.cloud = cloud
        self.id = made["accountId"]
        self._key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": made["accessKeyId"], "ALIBABA_CLOUD_ACCESS_KEY_SECRET": made["accessKeySecret"]}

    def environment(self) -> dict[str, str]:
        """This process's environment with the account's key, and without whatever is set there for a real cloud or a real operator."""
        return {**{name: value for name, value in os.environ.items() if not name.startswith(("ALIBABA_CLOUD_", "ECS_KEEPER_"))}, **self._key}

    def ask(self, method: str, path: str, body=None):
        return self.cloud.ask(method, f"/accounts/{self.id}{path}", body)

    def instances(self) -> dict[str, dict]:
        """The true state, whatever the cloud's answers show at the moment."""
        return {instance["instanceId"]: instance for instance in self.ask("GET", "/instances")["instances"]}

    def protected(self) -> set[str]:
        return {name for name, instance in self.instances().items() if instance["deletionProtection"]}

    def release(self, instance: str) -> None:
        """A release in the console; raises `Refused`."""
        self.ask("POST", f"/instances/{instance}/release", {"reason": "manual"})

    def switch_off(self, instance: str) -> None:
        """Release protection switched off in the console."""
        self.ask("PATCH", f"/instances/{instance}", {"deletionProtection": False})

    def log(self, action: str = "", after: int = 0) -> list[dict]:
        """What was asked of the cloud, oldest first: one operation or all, from behind a place in the log."""
        suffix = f"&action={action}" if action else ""
        return self.cloud.ask("GET", f"/log?account={self.id}&after={after}{suffix}")["entries"]

    def writes(self) -> list[dict]:
        return self.log("ModifyInstanceAttribute")

    def listings(self, after: int = 0) -> list[dict]:
        """The requests that begin a listing of the region."""
        return list(filter(begins_listing, self.log("DescribeInstances", after)))


def begins_listing(entry: dict) -> bool:
    """Whether a request of the log begins a listing: it has neither ids nor a page's token."""
    return entry["action"] == "DescribeInstances" and not {"InstanceIds", "NextToken"} & set(entry["parameters"])


class Kubectl:
    """The administrator's kubectl, and Helm beside it, run from the top of the repository."""

    def __init__(self, plane: ControlPlane):
        self._programs = {"kubectl": plane.kubectl, "helm": plane.helm}
        self._environment = plane.environment()

    def __call__(self, *arguments: str) -> str:
        """Runs it and answers what it prints; raises `Failed` when it fails."""
        return self._run("kubectl", *arguments)

    def helm(self, *arguments: str) -> str:
        """The same for Helm."""
        return self._run("helm", *arguments)

    def _run(self, program: str, *arguments: str) -> str:
        with Guarded(
            [self._programs[program], *arguments], cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process, process.output as output:
            text = output.read().decode()
            if process.wait():
                raise Failed(f"{program} {' '.join(arguments)} failed:\n{text}")
        return text


def install(kubectl: Kubectl) -> None:
    """Installs the chart. No Pod runs here, so that its Deployment remains a wish."""
    kubectl.helm("install", "ecs-keeper", "deploy/charts/ecs-keeper", f"--namespace={NAMESPACE}", "--create-namespace")
    kubectl("wait", "--for=condition=Established", "crd/ecsinstanceprotections.ecs-keeper.io", "--timeout=30s")


class Operator:
    """`ecs-keeper run` outside of the cluster, with exactly the rights of its ServiceAccount."""

    def __init__(self, program: Path, kubectl: Kubectl, account: Account, logs: Path, *flags: str):
        config = json.loads(kubectl("config", "view", "--raw", "--output=json"))
        token = kubectl("create", "token", "ecs-keeper", f"--namespace={NAMESPACE}", "--duration=24h").strip()
        config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
        folder = Path(tempfile.mkdtemp(prefix="ecs-keeper-operator-"))
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(config))
        command = [program, "run", f"--namespace={NAMESPACE}", f"--kubeconfig={kubeconfig}", f"--endpoint={account.cloud.endpoint}", *flags]
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

    def check(self) -> None:
        """Raises if the operator has ended."""
        if (code := self._process.poll()) is not None:
            raise Failed(f"The operator ended by itself with {code}; its log is {self.log}.")
