"""Karpenter as a process of its own: its controllers, and the cloud provider in `go`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "demo"))

from stage import Account, Command, ControlPlane, Failed, Guarded, Kubectl  # noqa: E402  Puts what follows on the path.
from binaries import KARPENTER, ensure  # noqa: E402

# A key of its own, so that the cloud's log tells its calls from the operator's.
KEY = "LTAI5tKarpenterKey0000001"
SECRET = "KarpenterSecret00000000000001"

FLAGS = (
    # Any free ports: several of these tests may run on one machine.
    "--metrics-port=0",
    "--health-probe-port=0",
    "--disable-leader-election=true",
)


def install_definitions(plane: ControlPlane, kubectl: Kubectl, folder: Path) -> None:
    """Installs the definitions of Karpenter's kinds, as they are in its module."""
    path = folder / "karpenter-definitions.json"
    path.write_text(Command("karpenter", _program(), plane)("definitions"))
    names = [each["metadata"]["name"] for each in json.loads(path.read_text())["items"]]
    kubectl("create", f"--filename={path}")
    kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in names), "--timeout=30s")
    # Their storage comes a moment later; kubectl asks again for as long as the API server tells it to.
    kubectl("get", "nodepools,nodeclaims,kwoknodeclasses")


class Karpenter:
    """A running Karpenter. It acts as the administrator in the cluster, and as a RAM user of its own in the cloud."""

    def __init__(self, plane: ControlPlane, account: Account, logs: Path):
        account.ask("POST", "/keys", {"accessKeyId": KEY, "accessKeySecret": SECRET, "holder": {"user": "karpenter"}})
        environment = {
            # The SDK would send its requests to a proxy, even those to loopback.
            **{name: value for name, value in account.environment().items() if not name.lower().endswith("_proxy")},
            "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
            "ECS_ENDPOINT": account.cloud.endpoint.removeprefix("http://"),
            "KUBECONFIG": str(plane.kubeconfig),
        }
        self._log = logs / "karpenter.log"
        with open(self._log, "ab") as log:
            self._process = Guarded([_program(), *FLAGS], env=environment, stdout=log, stderr=log)

    def __enter__(self) -> Karpenter:
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.stop()

    def check(self) -> None:
        """Raises if it has ended."""
        if (code := self._process.poll()) is not None:
            raise Failed(f"Karpenter ended by itself with {code}; its log is {self._log}.")

    def errors(self, node: str) -> list[str]:
        """What Karpenter's log says of its failures to remove a Node."""
        entries = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        failures = [each for each in entries if each["level"] == "ERROR" and each.get("controller") == "node.termination"]
        return [each["error"] for each in failures if each["Node"]["name"] == node]


def _program() -> Path:
    (path,) = ensure(*KARPENTER).values()
    return path
