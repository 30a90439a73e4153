#!/usr/bin/env bash
# Keeps the walls between the packages: what each of them must not depend on, directly or through others. Tests' own dependencies don't count.
set -euo pipefail
cd "$(dirname "$0")/../.."

broken=0

# wall PACKAGE NAMES...: a name is an extended regular expression for a whole package name.
wall() {
    local package=$1 tree forbidden found
    shift
    tree=$(cargo tree --locked --package "$package" --edges normal,build --target all --all-features --prefix none --format '{p}')
    for forbidden in "$@"; do
        found=$(grep -E "^($forbidden) v" <<<"$tree" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ' || true)
        if [ -n "$found" ]; then
            echo "$package must not depend on: $found(\`cargo tree --package $package --invert NAME\` shows the way)" >&2
            broken=1
        fi
    done
}

kubernetes='kube|kube-.*|k8s-openapi'
# Pure: no runtime, no sockets, no cluster, no cloud.
wall keeper-core "$kubernetes" 'tokio|tokio-.*|mio|futures-executor' 'reqwest|hyper|hyper-.*|axum|rustls' 'keeper-alicloud|keeper-simulator|ecs-keeper'
wall keeper-alicloud "$kubernetes" 'keeper-simulator|ecs-keeper'
# A second, independent reading of the cloud's protocol: what it shared with the client it could not judge.
wall keeper-simulator "$kubernetes" 'keeper-core|keeper-alicloud|ecs-keeper'
wall ecs-keeper 'keeper-simulator' 'keeper-fuzz|libfuzzer-sys'

exit "$broken"
