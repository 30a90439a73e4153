"""A report of a simulated fleet as a page: the program writes it, as whoever runs `ecs-keeper audit` gets it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from browser import Failed  # Puts what follows on the path.
from stage import Account, Cloud, build

HERE, THERE, EMPTY = "cn-hangzhou", "cn-beijing", "eu-central-1"
SCRIPT = "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
HOSTILE = [SCRIPT, "\" onmouseover=\"alert(1)", "</td></tr></table><h1>owned", "&lt;b&gt; &amp; 'quoted'", "<!-- gone", "javascript:alert(1)", "长" * 4000]


def in_days(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%MZ")


def varied() -> list[dict]:
    """Machines of every sort, in two regions."""
    kept = [{"networkInterfaceId": f"eni-kept{number}", "deleteOnRelease": False} for number in range(3)]
    return [
        {"instanceId": "i-bare", "instanceName": "payments-db", "networkInterfaces": [{"networkInterfaceId": "eni-lost"}]},
        {"instanceId": "i-hostile", "count": 1, "instanceName": SCRIPT},
        *({"instanceId": f"i-hostile{number}", "instanceName": name} for number, name in enumerate(HOSTILE)),
        {"instanceId": "i-web", "instanceName": "web", "count": 40, "deletionProtection": True, "networkInterfaces": []},
        {"instanceId": "i-gate", "instanceName": "gate", "deletionProtection": True, "networkInterfaces": kept},
        {"instanceId": "i-timed", "instanceName": "load test", "deletionProtection": True, "autoReleaseTime": f"{datetime.now(timezone.utc) + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"},
        {"instanceId": "i-later", "instanceName": "rehearsal", "deletionProtection": True, "autoReleaseTime": f"{datetime.now(timezone.utc) + timedelta(days=300):%Y-%m-%dT%H:%M:%SZ}"},
        {"instanceId": "i-locked", "instanceName": "overdue", "deletionProtection": True, "locks": ["financial"]},
        {"instanceId": "i-pool", "instanceName": "pool", "count": 12, "deletionProtection": True, "tags": {"acs:autoscaling:scalingGroupId": "asg-bp1workers"}},
        {"instanceId": "i-spot", "instanceName": "batch", "count": 4, "spotStrategy": "SpotAsPriceGo"},
        {"instanceId": "i-ledger", "instanceName": "ledger", "count": 3, "instanceChargeType": "PrePaid"},
        {"instanceId": "i-north", "instanceName": "north", "count": 25, "regionId": THERE, "deletionProtection": True},
        {"instanceId": "i-edge", "instanceName": "edge", "count": 5, "regionId": THERE},
    ]


class Reports:
    """A cloud, and the pages of its accounts. They end with the class of tests."""

    def __init__(self, case: type):
        with contextlib.ExitStack() as stack:
            self._programs = build("dev")
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs-keeper-page-")))
            self.cloud = stack.enter_context(Cloud(self._programs["ecs-simulator"], self.folder))
            self._stack = stack.pop_all()
        case.addClassCleanup(self._stack.close)

    def write(self, account: Account, *flags: str, regions: tuple[str, ...] = (HERE,), expected: int = 0) -> Path:
        """The page of an account. `expected` is the program's exit code."""
        config = self.folder / f"{account.id}.yaml"
        endpoints = {product: self.cloud.endpoint for product in ("ecs", "ess")}
        config.write_text(json.dumps({"accounts": [{"name": "default", "regions": regions, "endpoints": endpoints}]}))
        page = self.folder / f"{account.id}-{len(list(self.folder.glob('*.html')))}.html"
        command = [self._programs["ecs-keeper"], "audit", f"--config={config}", "--output=html", "--calls-per-minute=6000", *flags]
        environment = {**account.environment(), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
        with open(page, "wb") as out:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env=environment, text=True, check=False)
        if ended.returncode != expected:
            raise Failed(f"ecs-keeper audit ended with {ended.returncode}: {ended.stderr}")
        return page
