#!/usr/bin/env bash
# Checks what the packages depend on, by the rules of deny.toml: licences, sources, unwanted crates, and known vulnerabilities.
#
#     tests/deny.sh                  without the database of vulnerabilities it says so, and checks the rest
#     tests/deny.sh --advisories     without it, it fails
set -euo pipefail
cd "$(dirname "$0")/.."

# Seconds for a download that takes some.
patience=120

deny=$(tests/program.sh crate cargo-deny 0.20.2)
checks=(bans licenses sources)
if said=$(timeout "$patience" "$deny" fetch db 2>&1); then
    checks=(advisories "${checks[@]}")
else
    echo "$said" >&2
    echo "deny: THE DATABASE OF VULNERABILITIES CAN'T BE DOWNLOADED, SO ADVISORIES ARE NOT CHECKED. Everything else is." >&2
    [ "${1:-}" != --advisories ] || exit 1
fi
"$deny" --locked check "${checks[@]}"
