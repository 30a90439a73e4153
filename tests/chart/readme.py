#!/usr/bin/env python3
"""Writes the chart's README from README.md.gotmpl and the comments of values.yaml; with --check it only compares."""

from __future__ import annotations

import subprocess
import sys

from generated import CHART, ROOT, write_or_check

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import Unavailable, ensure  # noqa: E402

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
    return write_or_check(README, text, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
