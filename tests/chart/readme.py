#!/usr/bin/env python3
"""Writes the chart's README from README.md.gotmpl and the comments of values.yaml; with --check it only compares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import Unavailable, ensure  # noqa: E402

CHART = ROOT / "deploy" / "charts" / "ecs-keeper"
README = CHART / "README.md"


def generated() -> str:
    """The text that the README ought to have."""
    helm_docs = ensure("helm-docs")["helm-docs"]
    command = [helm_docs, f"--chart-search-root={CHART}", "--sort-values-order=file", "--dry-run", "--log-level=warning"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip() + "\n"


def main(arguments: list[str]) -> int:
    """Runs as the command line says."""
    try:
        text = generated()
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    if arguments != ["--check"]:
        README.write_text(text)
    elif README.read_text() != text:
        print(f"{README.relative_to(ROOT)} is out of date: run `make chart` and review the diff.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
