#!/usr/bin/env bash
# Lints the workflows of GitHub, and the one that the documentation has for users: actionlint finds mistakes, zizmor what attackers could use.
set -euo pipefail
cd "$(dirname "$0")/.."

actionlint=$(tests/control-plane/binaries.py actionlint | cut -d ' ' -f 2)
zizmor=$(tests/program.sh wheel zizmor 1.32.0 zizmor)
# Without the linters that it would call where they happen to be installed: it has to say the same everywhere.
"$actionlint" -shellcheck= -pyflakes= .github/workflows/*.yaml docs/plan-workflow.yaml
"$zizmor" --offline --quiet .github docs/plan-workflow.yaml
