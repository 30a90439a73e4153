"""The operator as the chart installs it, and the simulated cloud as a Pod beside it."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NoReturn

from artifacts import SIMULATOR
from node import ROOT  # Puts what follows on the path.

sys.path.insert(0, str(ROOT / "demo"))

from chapter import IN  # noqa: E402
from guarded import Guarded  # noqa: E402
from stage import NAMESPACE, Account, Command, ControlPort, Failed, Kubectl  # noqa: E402

HERE = Path(__file__).resolve().parent
RELEASE = "ecs-keeper"
# The simulated cloud's namespace, which is none of the operator's business.
CLOUD = "ecs-simulator"
# The role that the Pods act as, its policy of the same name, for whom their tokens are, and what ACK would call the cluster.
ROLE = "ecs-keeper"
AUDIENCE = "sts.aliyuncs.com"
CLUSTER = "c0123456789"

# Seconds between two looks at the Pods while something else is waited for.
LOOK_EVERY = 5.0


class SimulatorPod(ControlPort):
    """The simulator in the cluster, its control port forwarded by kubectl."""

    def __init__(self, cluster, kubectl: Kubectl, image: str):
        manifest = (HERE / "simulator.yaml").read_text().replace("image: ecs-simulator", f"image: {image}")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(manifest)
            file.flush()
            kubectl("apply", f"--filename={file.name}")
        kubectl("wait", "--for=condition=Ready", f"pod/{SIMULATOR}", f"--namespace={CLOUD}", "--timeout=2m")
        command = [cluster.kubectl, "port-forward", f"pod/{SIMULATOR}", f"--namespace={CLOUD}", ":8801"]
        self._process = Guarded(command, env=cluster.environment(), stdout=subprocess.PIPE)
        super().__init__("", f"that of the Pod {SIMULATOR}")

    def __enter__(self) -> SimulatorPod:
        line = self._process.output.readline().decode()
        found = re.search(r"127\.0\.0\.1:\d+", line)
        if not found:
            self._process.stop()
            raise Failed(f"The simulator's control port can't be forwarded: {line or 'kubectl has ended'}.")
        self.control = f"http://{found.group()}"
        # kubectl tells each connection, and must not wait for a reader.
        threading.Thread(target=self._process.output.read, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._process.stop()


class Pods:
    """The Pods of the release."""

    def __init__(self, kubectl: Kubectl):
        self._kubectl = kubectl
        self._looked = 0.0
        self.restarts = 0
        """How many restarts were meant."""

    def all(self) -> list[dict]:
        """Those that are not on their way out."""
        pods = json.loads(self._kubectl("get", "pods", *IN, f"--selector=app.kubernetes.io/instance={RELEASE}", "--output=json"))["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def lease(self) -> dict:
        return json.loads(self._kubectl("get", "lease", RELEASE, *IN, "--output=json"))["spec"]

    def holder(self) -> str:
        """The process that leads; empty: none."""
        return self.lease().get("holderIdentity", "")

    def leader(self) -> str:
        """The name of the Pod that leads; empty: none."""
        return self.holder().split("_")[0]

    def images(self) -> set[str]:
        """What the Pods' containers run, by content."""
        return {container["imageID"] for pod in self.all() for container in pod["status"]["containerStatuses"]}

    def check(self) -> None:
        """Raises if a container has ended that was not meant to. Asks no more often than is useful."""
        if time.monotonic() < self._looked + LOOK_EVERY:
            return
        self._looked = time.monotonic()
        restarts = sum(container["restartCount"] for pod in self.all() for container in pod["status"].get("containerStatuses", []))
        if restarts > self.restarts:
            raise Failed(f"A container of the operator has ended by itself; kubectl logs --previous:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of what the Pods have logged, and what has befallen them."""
        words = []
        for pod in self.all():
            for previous in ((), ("--previous",)):
                with contextlib.suppress(Failed):
                    words.append(self._kubectl("logs", pod["metadata"]["name"], *IN, "--tail=15", *previous))
        with contextlib.suppress(Failed):
            words.append(self._kubectl("get", "pods,events", *IN, "--output=wide"))
        return "\n".join(words)


class InPod(Command):
    """ecs-keeper's program, run in a Pod of the operator with what that Pod may do."""

    def __init__(self, kubectl: Kubectl):
        self.name = f"kubectl exec --namespace={NAMESPACE} deploy/{RELEASE} -- ecs-keeper"
        self._kubectl = kubectl

    def __call__(self, *arguments: str) -> str:
        return self._kubectl("exec", *IN, f"deploy/{RELEASE}", "--", "ecs-keeper", *arguments)


class Watch:
    """Looks again and again whether what is meant to be protected is, for the time of a `with`."""

    def __init__(self, account: Account, instances: set[str], interfaces: set[str]):
        self._account = account
        self._instances = instances
        self._interfaces = interfaces
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.lapses: set[str] = set()
        self.failure: Failed | None = None

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            while not self._ended.wait(0.1):
                self.lapses |= (self._instances - self._account.protected()) | (self._interfaces - self._account.retained())
                self.looks += 1
        except Failed as failure:
            self.failure = failure


class AckRamTool(Command):
    """Stands in for the vendor's tool, which asks the real cloud: in a simulated account, it has a role trust a ServiceAccount of the cluster."""

    name = "ack-ram-tool"

    def __init__(self, account: Account, kubectl: Kubectl):
        """Enables RRSA: the account gets to know the issuer of the cluster's tokens. From now on no key opens the account any more."""
        self._account = account
        self._issuer = json.loads(kubectl("get", "--raw=/.well-known/openid-configuration"))["issuer"]
        keys = json.loads(kubectl("get", "--raw=/openid/v1/jwks"))
        registered = {"providerName": f"ack-rrsa-{CLUSTER}", "issuer": self._issuer, "clientIds": [AUDIENCE], "jwks": keys}
        self.provider = account.ask("POST", "/oidc-providers", registered)["arn"]
        self.role = f"acs:ram::{account.id}:role/{ROLE}"
        """What the chart is told, before there is such a role."""
        account.ask("DELETE", f"/keys/{account.key['ALIBABA_CLOUD_ACCESS_KEY_ID']}")

    def __call__(self, *arguments: str) -> str:
        parser = _Arguments(prog=self.name, allow_abbrev=False)
        parser.add_argument("group", choices=["rrsa"])
        parser.add_argument("command", choices=["associate-role"])
        parser.add_argument("--cluster-id", choices=[CLUSTER], required=True)
        for option in ("--namespace", "--service-account", "--role-name"):
            parser.add_argument(option, required=True)
        # There is no role yet, and one policy, which the page on RAM has.
        parser.add_argument("--create-role-if-not-exist", action="store_true", required=True)
        parser.add_argument("--attach-custom-policy", choices=[ROLE])
        chosen = parser.parse_args(arguments)
        subject = f"system:serviceaccount:{chosen.namespace}:{chosen.service_account}"
        claims = {"oidc:iss": self._issuer, "oidc:aud": AUDIENCE, "oidc:sub": subject}
        trusts = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [self.provider]}, "Condition": {"StringEquals": claims}}
        policies = [_policy()] if chosen.attach_custom_policy else []
        made = {"roleName": chosen.role_name, "trustPolicy": {"Version": "1", "Statement": [trusts]}, "policies": policies}
        return f"In the simulated cloud, {self._account.ask('POST', '/roles', made)['arn']} trusts {subject}."


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failed(f"{self.prog} {message}")


def _policy() -> dict:
    """What a reader of the documentation creates in the RAM console."""
    page = (ROOT / "docs" / "ram.md").read_text().split("\n## The policy\n")[1]
    return json.loads(re.search(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1))
