#!/usr/bin/env python3
"""Lays the pages that docs/SUMMARY.md lists out in target/book-pages, with the files that they lead to, for mdBook.

mdBook takes the pages of one folder, and some of ours are where people look for them: the README, the page of the chart. So the pages are
copied and stay where they are to each other: a link between two of them is the same here, on a Git host and in the book.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SUMMARY = Path("docs/SUMMARY.md")
PAGES = ROOT / "target" / "book-pages"

LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")


def targets(page: Path) -> list[Path]:
    """The files of the repository that a page leads to, in its order; all paths are from the root."""
    links = LINK.findall((ROOT / page).read_text())
    files = (link.split("#")[0] for link in links if "://" not in link)
    return [Path(os.path.normpath(page.parent / file)) for file in files if file]


def mistakes(pages: list[Path]) -> list[str]:
    """What would be missing in the book."""
    unlisted = {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")} - {SUMMARY, *pages}
    found = [f"{SUMMARY} does not list {page}" for page in sorted(unlisted)]
    for page in filter(lambda page: (ROOT / page).is_file(), [SUMMARY, *pages]):
        for target in targets(page):
            if not (ROOT / target).is_file():
                found.append(f"{page} leads to {target}, which is no file")
            elif target.suffix == ".md" and target not in {*pages, *unlisted}:
                found.append(f"{page} leads to {target}, which {SUMMARY} does not list")
    return found


def main() -> int:
    """Copies, unless a page would be missing."""
    pages = targets(SUMMARY)
    if found := mistakes(pages):
        print(*found, sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(PAGES, ignore_errors=True)
    for file in {*pages, *(target for page in pages for target in targets(page))}:
        (PAGES / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, PAGES / file)
    summary = LINK.sub(lambda link: os.path.normpath(SUMMARY.parent / link.group()), (ROOT / SUMMARY).read_text())
    (PAGES / SUMMARY.name).write_text(summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
