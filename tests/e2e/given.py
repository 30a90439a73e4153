"""A cluster that somebody has, instead of a node of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import node  # noqa: F401  Puts what follows on the path.
from binaries import ensure
from control_plane import ServerFailed

PROGRAMS = ("kubectl", "helm")
# What would be in the way, or be changed.
LEFTOVERS = (
    "crd/ecsinstanceprotections.ecs-keeper.io",
    "crd/eniretentions.ecs-keeper.io",
    "namespace/ecs-keeper",
    "namespace/ecs-simulator",
    *(f"clusterrole/ecs-keeper{ending}" for ending in ("", "-view", "-edit", "-unprotect")),
    "clusterrolebinding/ecs-keeper",
)


class GivenCluster:
    """The cluster of one context of the user's kubeconfig."""

    def __init__(self, context: str):
        programs = ensure(*PROGRAMS)
        self.kubectl, self.helm = (programs[name] for name in PROGRAMS)
        self._context = context

    def __enter__(self) -> GivenCluster:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs-keeper-e2e-")))
            self.kubeconfig = folder / "kubeconfig"
            # This context and no other, whatever somebody makes the current one in the meantime.
            self.kubeconfig.write_text(self._run("config", "view", "--raw", "--minify", "--flatten", f"--context={self._context}", environment=dict(os.environ)))
            if found := self._run("get", *LEFTOVERS, "--ignore-not-found", "--output=name").split():
                raise ServerFailed(f"The cluster of {self._context} has {' and '.join(found)} already: this test wants a cluster that no ecs-keeper was ever on.")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_) -> None:
        with self._stack:
            self._run("delete", "--filename=demo/nodes.yaml", "--ignore-not-found", "--timeout=2m")
            # Of all that the chart makes nothing else lies outside of the namespaces.
            self._run("delete", *LEFTOVERS, "--ignore-not-found", "--timeout=2m")

    def environment(self) -> dict[str, str]:
        """This process's environment with this cluster, and nothing that is set there for Helm."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        # Helm keeps what it pulls.
        return {**kept, "KUBECONFIG": str(self.kubeconfig), "HELM_CACHE_HOME": str(self.kubeconfig.with_name("helm"))}

    def _run(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        command = [self.kubectl, *arguments]
        done = subprocess.run(command, cwd=node.ROOT, capture_output=True, text=True, env=environment or self.environment())
        if done.returncode:
            raise ServerFailed(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout
