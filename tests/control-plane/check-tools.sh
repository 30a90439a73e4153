#!/bin/sh
# Says in one sentence what has to be installed first, before anything is built. The argument is what is to be run: demo, e2e, karpenter or test.
cd "$(dirname "$0")/../.." || exit 1

missing=
need() { missing="${missing:+$missing; }$1"; }
at_least() { printf '%s\n' "$1" "$2" | sort -VC; }

rust=$(sed -n 's/^rust-version = "\(.*\)".*/\1/p' Cargo.toml | head -n 1)
if ! at_least "$rust" "$(rustc --version 2>/dev/null | cut -d ' ' -f 2)" || ! cargo --version >/dev/null 2>&1; then
    need "Rust $rust or newer (rustup takes the version from rust-toolchain.toml)"
elif [ "$1" = test ]; then
    cargo fmt --version >/dev/null 2>&1 || need "rustfmt"
    cargo clippy --version >/dev/null 2>&1 || need "clippy"
fi
command -v cc >/dev/null || need "a C compiler (Rust links with it)"

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    need "Python 3.9 or newer"
    command -v go >/dev/null || need "Go, unless an earlier run has built the control plane"
else
    programs='etcd kube-apiserver kubectl helm'
    [ "$1" = demo ] || programs="$programs kube-controller-manager"
    [ "$1" = karpenter ] && programs="$programs karpenter"
    [ "$1" = e2e ] && programs="$programs crane"
    [ "$1" = test ] && programs=
    # A wrong KUBEBUILDER_ASSETS is no missing tool: its sentence is on standard error already.
    go=$(python3 tests/control-plane/binaries.py --check $programs) || { [ -n "$go" ] || exit 1; need "$go"; }
    if [ "$1" = test ]; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || need "Python's venv module (python3-venv on Debian)"
        [ -n "$go" ] || command -v go >/dev/null || need "Go, for the vendor's library in Go"
    fi
fi
if [ "$1" = test ]; then
    command -v ps >/dev/null || need "ps (procps on Debian)"
    # Without Python its sentence is there already.
    ! browser=$(python3 tests/page/browser.py --packages 2>/dev/null) || [ -z "$browser" ] || need "Chromium or Chrome ($browser on Debian)"
    unshare --map-root-user --mount mount -t tmpfs none /tmp 2>/dev/null ||
        need "unshare and mount (util-linux) on a Linux that allows user namespaces, in which the tests run the chart's Pods"
fi

[ -z "$missing" ] || { echo "Please install first: $missing." >&2; exit 1; }
