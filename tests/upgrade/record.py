#!/usr/bin/env python3
"""Records a release, so that from now on the next version is installed over it: `record.py 0.1.0` writes tests/upgrade/0.1.0 anew.

    record.py VERSION                   records the commit that is checked out
    record.py VERSION --commit COMMIT   records another one

The program is built from that commit, and runs on an API server and a simulated cloud until its objects are in the states of story.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timezone
from pathlib import Path

from recorded import HERE, MINUTE, ROOT, SUMS, Failed, program, source, sums  # Puts what follows on the path.
from binaries import Unavailable
from control_plane import ServerFailed
from guarded import end_on_signals
from installation import KINDS, Installation
from stage import build
from story import Story, account

CHART = "deploy/charts/ecs-keeper"

# What the simulator shows and does not take: it makes these itself.
NOT_SEEDED = (
    *("creditSpecification", "description", "hostName", "imageId", "recyclable", "spotPriceLimit"),
    *("lastInstanceId", "macAddress"),
)


def main() -> int:
    """Runs as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--commit", default="HEAD")
    arguments = parser.parse_args()
    end_on_signals()
    case = unittest.TestCase()
    try:
        record(arguments.version, arguments.commit, case)
    except (Unavailable, ServerFailed, Failed, AssertionError) as error:
        print(f"record.py: {error}", file=sys.stderr)
        return 1
    finally:
        case.doCleanups()
    return 0


def record(version: str, revision: str, case: unittest.TestCase) -> None:
    """Records a commit as this version. All of it ends with `case`."""
    named = subprocess.run(["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], cwd=ROOT, capture_output=True, text=True)
    if named.returncode:
        raise Failed(f"There is no commit {revision}.")
    commit = named.stdout.strip()
    sources = source(version, commit)
    if f'\nversion = "{version}"\n' not in sources.read("Cargo.toml"):
        raise Failed(f"{commit} is not of the version {version}: its Cargo.toml says so. Check out the release, or name it with --commit.")
    operator = program(version, commit)
    with tempfile.TemporaryDirectory(prefix="ecs-keeper-record-") as exported:
        chart = sources.export(Path(exported)) / CHART
        installation = Installation(case)
        installation.simulate(build("dev")["ecs-simulator"], account())
        installation.install(chart, HERE / "values.yaml")
        installation.make_nodes(HERE / "nodes.yaml")
        key, _ = installation.start("Recorded", operator)
        story = Story(installation)
        story.tell()
        story.until_at_rest(key)
        _write(HERE / version, commit, chart, installation)
    print(f"tests/upgrade/{version} is written. Look at the diff, and commit it.")


def _write(folder: Path, commit: str, chart: Path, installation: Installation) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(chart, folder / "chart")
    for name in ("nodes.yaml", "values.yaml"):
        shutil.copy(HERE / name, folder)
    (folder / "commit").write_text(f"{commit}\n")
    found = installation.cluster.kubectl("get", KINDS, "--all-namespaces", "--show-managed-fields", "--output=yaml")
    (folder / "objects.yaml").write_text(found)
    cloud = {"recorded": f"{datetime.now(timezone.utc):{MINUTE}}Z", "account": _seed(installation)}
    (folder / "cloud.json").write_text(f"{json.dumps(cloud, indent=2)}\n")
    (folder / SUMS).write_text(sums(folder))


def _seed(installation: Installation) -> dict:
    """The account as it is by now, as the simulator takes it."""
    account = installation.account
    on: dict[str | None, list[dict]] = {}
    for interface in account.interfaces().values():
        seed = _seeded(interface)
        on.setdefault(seed.pop("instanceId", None), []).append(seed)
    instances = [{**_seeded(each), "networkInterfaces": on.get(name, [])} for name, each in account.instances().items()]
    groups = []
    for group in account.ask("GET", "/scaling-groups")["scalingGroups"]:
        kept = ("creationType", "entrusted", "lifecycleState")
        members = [{"instanceIds": [each["instanceId"]], **{key: each[key] for key in kept}} for each in group["members"]]
        groups.append({"scalingGroupId": group["scalingGroupId"], "members": members})
    return {"accountId": account.id, "instances": instances, "networkInterfaces": on.get(None, []), "scalingGroups": groups}


def _seeded(shown: dict) -> dict:
    return {key: value for key, value in shown.items() if key not in NOT_SEEDED and value is not None}


if __name__ == "__main__":
    sys.exit(main())
