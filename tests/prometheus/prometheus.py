"""A Prometheus as a process of its own, that scrapes an operator every second."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "demo"))

from stage import WITHOUT_PROXY, Failed, Guarded, eventually  # noqa: E402  Puts what follows on the path.
from binaries import ensure  # noqa: E402

ALERTS = ROOT / "deploy" / "charts" / "ecs-keeper" / "files" / "alerts.yaml"


class Prometheus:
    """It has the chart's alerts as its rules."""

    def __init__(self, target: str, logs: Path):
        folder = Path(tempfile.mkdtemp(prefix="ecs-keeper-prometheus-"))
        config = folder / "prometheus.json"
        # What the chart's ServiceMonitor would have of Kubernetes.
        labels = {"namespace": "ecs-keeper", "pod": "ecs-keeper-0"}
        scrape = {"job_name": "ecs-keeper", "static_configs": [{"targets": [target], "labels": labels}]}
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config.write_text(json.dumps({"global": every, "rule_files": [str(ALERTS)], "scrape_configs": [scrape]}))
        program = ensure("prometheus")["prometheus"]
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0"]
        self._log = logs / "prometheus.log"
        with open(self._log, "wb") as log:
            self._process = Guarded(command, grace=5, remove=folder, stdout=log, stderr=log)

    def __enter__(self) -> Prometheus:
        if not (address := eventually(self._address, check=self.check)):
            self._process.stop()
            raise Failed(f"Prometheus does not listen; its log is {self._log}.")
        self._url = f"http://{address}"
        return self

    def __exit__(self, *_) -> None:
        self._process.stop()

    def _address(self) -> str | None:
        found = re.search(r'msg="Listening on".* address=(127\.0\.0\.1:[1-9]\d*)', self._log.read_text())
        return found.group(1) if found else None

    def check(self) -> None:
        """Raises if it has ended."""
        if (code := self._process.poll()) is not None:
            raise Failed(f"Prometheus ended by itself with {code}; its log is {self._log}.")

    def query(self, expression: str) -> list[dict]:
        """What an expression gives now: series, each with its labels and its value."""
        return self._ask("query", query=expression)["result"]

    def rules(self) -> list[dict]:
        """The rules, each with how its last evaluation went."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, path: str, **parameters: str) -> dict:
        try:
            with WITHOUT_PROXY.open(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise Failed(f"Prometheus refuses {parameters or path}: {error.read().decode()}") from None
