"""The chart, its programs, and an API server to try it on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import ensure  # noqa: E402
from control_plane import ControlPlane  # noqa: E402

CHART = ROOT / "deploy" / "charts" / "ecs-keeper"
DEFINITIONS = ("ecsinstanceprotections.ecs-keeper.io", "eniretentions.ecs-keeper.io")
RELEASE = "ecs-keeper"

# Seconds after which a command counts as hanging.
PATIENCE = 90

# Seconds between two readings of the kinds.
READING = 0.3


class Failed(AssertionError):
    """A command failed; the text is what it said."""


def run(command, *, stdin: str | None = None, environment: dict[str, str] | None = None) -> str:
    """What a command prints; raises `Failed` with what it complains of."""
    done = subprocess.run(list(map(str, command)), input=stdin, capture_output=True, text=True, env=environment, timeout=PATIENCE)
    if done.returncode:
        raise Failed(done.stderr or done.stdout)
    return done.stdout


class Helm:
    """Helm, with nothing of the user's: neither his settings nor his cluster."""

    def __init__(self, folder: Path, kubeconfig: Path | None = None):
        self._program = ensure("helm")["helm"]
        own = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "CACHE", "DATA")}
        outer = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        self._environment = {**outer, **own, "KUBECONFIG": str(kubeconfig or folder / "none")}

    def __call__(self, *arguments) -> str:
        return run([self._program, *arguments], environment=self._environment)

    def template(self, namespace: str, values: dict, chart: Path = CHART) -> str:
        """The manifests for these values."""
        return self("template", RELEASE, chart, f"--namespace={namespace}", *given(values))


def given(values: dict) -> list[str]:
    """Helm's flags for values, written as `{"a.b": …}`."""
    return [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]


class Cluster:
    """An API server that no other test uses, for there can be only one set of definitions on it."""

    def __init__(self, case):
        """Ends with the test class or the test `case` was given for."""
        clean_up = getattr(case, "addClassCleanup", None) if isinstance(case, type) else case.addCleanup
        plane = ControlPlane()
        self._plane = plane.__enter__()
        clean_up(plane.__exit__, None, None, None)
        folder = tempfile.TemporaryDirectory(prefix="ecs-keeper-chart-")
        clean_up(folder.cleanup)
        self.folder = Path(folder.name)
        self.plane = plane
        self.helm = Helm(self.folder, plane.kubeconfig)

    def keep_kinds_read(self, case) -> None:
        """Has somebody read the kinds all the time, as an operator does and whoever looks at them.

        Without a reader the API server's cache of a kind is cold, the API server answers its own finalizer of definitions with 429 `storage is
        (re)initializing` (seen with 1.36), and that one's back-off grows until a definition takes minutes to go.
        """
        over = threading.Event()

        def read():
            while not over.wait(READING):
                for name in DEFINITIONS:
                    plural, _, group = name.partition(".")
                    # There may be no such kind at the moment.
                    with contextlib.suppress(Failed):
                        self.kubectl("get", f"--raw=/apis/{group}/v1alpha1/{plural}?limit=1")

        reader = threading.Thread(target=read)
        reader.start()
        case.addClassCleanup(reader.join)
        case.addClassCleanup(over.set)

    def kubectl(self, *arguments, stdin: str | None = None) -> str:
        command = [self._plane.kubectl, f"--cache-dir={self.folder / 'kubectl'}", *arguments]
        return run(command, stdin=stdin, environment=self._plane.environment())

    def get(self, *arguments) -> dict:
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def names(self, *arguments) -> set[str]:
        """The names that `kubectl get` finds, without those that every cluster has."""
        return set(self.kubectl("get", *arguments, "--output=name").split())

    def namespace(self, name: str, **labels: str) -> str:
        self.kubectl("create", "namespace", name)
        for label, value in labels.items():
            self.kubectl("label", "namespace", name, f"pod-security.kubernetes.io/{label}={value}")
        return name

    def would_take(self, manifests: str) -> list[dict]:
        """The objects as the API server would store them. A warning, such as one of Pod Security, counts as a refusal."""
        dry = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--warnings-as-errors")
        answer = json.loads(self.kubectl(*dry, "--output=json", "--filename=-", stdin=manifests))
        return answer["items"] if answer["kind"] == "List" else [answer]
