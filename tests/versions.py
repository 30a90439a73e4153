#!/usr/bin/env python3
"""Runs the tests that another Kubernetes can break on the releases that are pinned for this, and prints which of them passed where.

    versions.py                          everything on all of them
    versions.py 1.30 1.37                everything on these
    versions.py --suite operator 1.30    one suite; more than one: --suite operator --suite policies

`make test` runs the same tests on one release only. A suite that fails does not keep the others from running.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS / "control-plane"))

from binaries import CONTROL_PLANE, RELEASES  # noqa: E402
from guarded import Guarded, end_on_signals  # noqa: E402

# Seconds that an interrupted suite gets to end by itself.
GRACE = 10.0

BINARIES = TESTS / "control-plane" / "binaries.py"
RUN = TESTS / "control-plane" / "run.py"
CHART = TESTS / "chart"


def _of_chart(policies: bool) -> list[str]:
    """Runs the tests of the chart's policies, or those of the rest of the chart."""
    names = sorted(path.stem for path in CHART.glob("test_*.py"))
    return [sys.executable, "-m", "unittest", *(name for name in names if name.startswith("test_unprotect_") == policies)]


# The command of each suite.
SUITES = {
    # With the examples of the documentation, which the API server judges.
    "operator": [str(RUN), "--access", "--", "cargo", "test", "--locked", "--no-fail-fast", "--test", "operator", "--test", "docs"],
    "chart": _of_chart(policies=False),
    "policies": _of_chart(policies=True),
}


def main() -> int:
    """Runs as the command line says; fails if a suite does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"{', '.join(RELEASES)}; all of them if none is named")
    parser.add_argument("--suite", action="append", choices=SUITES, help="a suite to run; all of them if none is named")
    arguments = parser.parse_args()
    if unknown := [release for release in arguments.releases if release not in RELEASES]:
        parser.error(f"there is no {', '.join(unknown)} here; the releases are {', '.join(RELEASES)}")
    end_on_signals()
    releases, suites = arguments.releases or RELEASES, arguments.suite or list(SUITES)
    # What can't be had is known before the first suite has run for half an hour.
    versions = {release: _version(release) for release in releases}
    if missing := [release for release, version in versions.items() if version is None]:
        print(f"versions.py: Kubernetes {', '.join(missing)} can't be had; see above.", file=sys.stderr)
        return 1
    results = {(release, suite): _result(release, versions[release], suite) for release in releases for suite in suites}
    print(f"\n{'Kubernetes':<12}" + "".join(f"{suite:<18}" for suite in suites))
    for release, version in versions.items():
        print(f"{version:<12}" + "".join(f"{results[release, suite]:<18}" for suite in suites))
    return int(any(result.startswith("FAILED") for result in results.values()))


def _version(release: str) -> str | None:
    """What the API server of a release says that it is, or None if it can't be had."""
    got = subprocess.run([BINARIES, *CONTROL_PLANE], env=_environment(release), stdout=subprocess.PIPE, text=True)
    if got.returncode:
        return None
    server = dict(line.split(": ", 1) for line in got.stdout.splitlines())["kube-apiserver"]
    return subprocess.run([server, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1].lstrip("v")


def _result(release: str, version: str, suite: str) -> str:
    """How a suite ended, in a few words."""
    print(f"\nversions.py: {suite} on Kubernetes {version}", file=sys.stderr, flush=True)
    started = time.monotonic()
    # Modules are named without their folder.
    folder = TESTS.parent if suite == "operator" else CHART
    with Guarded(SUITES[suite], grace=GRACE, cwd=folder, env=_environment(release)) as running:
        code = running.wait()
    return f"{'FAILED' if code else 'passed'}, {time.monotonic() - started:.0f} s"


def _environment(release: str) -> dict[str, str]:
    # Half as many Rust tests at once as in `make test-cargo`: before 1.31, an API server reads all objects of a kind from etcd for each list of them.
    return {**os.environ, "ECS_KEEPER_KUBERNETES": release, "INSTA_UPDATE": "no", "RUST_TEST_THREADS": "8"}


if __name__ == "__main__":
    sys.exit(main())
