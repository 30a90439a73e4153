"""Files of the chart that are made from others: written anew, or compared with what they ought to be."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "deploy" / "charts" / "ecs-keeper"


def write_or_check(path: Path, text: str, arguments: list[str]) -> int:
    """Writes the text, or with --check says if the file is another one. The exit code."""
    if arguments != ["--check"]:
        path.write_text(text)
    elif path.read_text() != text:
        print(f"{path.relative_to(ROOT)} is out of date: run `make chart` and review the diff.", file=sys.stderr)
        return 1
    return 0
