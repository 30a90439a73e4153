#!/usr/bin/env python3
"""Starts a control plane and runs a command under it; the exit code is the command's.

    run.py -- cargo test --workspace    the command sees KEEPER_TEST_KUBECONFIG, _KUBECTL, _HELM, _AUDIT_LOG, _PROMTOOL and _GITOPS
    run.py --access -- cargo test …     fails as well if the command's operators did not use all that the chart grants them, or wanted more
    run.py --keep                       prints `export KUBECONFIG=…` and keeps the control plane until ctrl-C

However this program ends, the command and the control plane end with it.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time

from access import complaints as access_complaints
from binaries import Unavailable, ensure
from control_plane import ControlPlane, ServerFailed
from guarded import Guarded, Interrupted, end_on_signals

# Seconds that an interrupted command gets to end by itself.
GRACE = 10.0


def main() -> int:
    """Runs as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep the control plane until ctrl-C instead of running a command")
    parser.add_argument("--access", action="store_true", help="compare what the chart grants with what its operators used, after all tests")
    parser.add_argument("command", nargs="*", help="the command, after --")
    arguments = parser.parse_args()
    if arguments.keep == bool(arguments.command) or (arguments.keep and arguments.access):
        parser.error("give either a command after -- or --keep")
    end_on_signals()
    try:
        with ControlPlane() as plane:
            return _keep(plane) if arguments.keep else _run(plane, arguments.command, arguments.access)
    except (Unavailable, ServerFailed) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1


def _run(plane: ControlPlane, command: list[str], access: bool) -> int:
    programs = ensure("promtool", "gitops")
    environment = {**plane.environment(), **{f"KEEPER_TEST_{name.upper()}": str(path) for name, path in programs.items()}}
    with Guarded(command, grace=GRACE, env=environment) as running:
        while True:
            try:
                code = running.wait(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                plane.check()
    if access and not code:
        for complaint in (complaints := access_complaints(plane)):
            print(f"run.py: {complaint}", file=sys.stderr)
        code = int(bool(complaints))
    if code:
        plane.keep_logs()
    return code


def _keep(plane: ControlPlane) -> int:
    print(f"export KUBECONFIG={shlex.quote(str(plane.kubeconfig))}", flush=True)
    print(f"kubectl is {plane.kubectl}; ctrl-C ends the control plane.", file=sys.stderr, flush=True)
    try:
        while True:
            plane.check()
            time.sleep(0.5)
    except Interrupted:
        return 0


if __name__ == "__main__":
    sys.exit(main())
