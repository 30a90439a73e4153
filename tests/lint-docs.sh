#!/usr/bin/env bash
# Checks the spelling of the pages, and of the descriptions that become pages. typos.toml has the words.
set -euo pipefail
cd "$(dirname "$0")/.."

typos=$(tests/program.sh wheel typos 1.52.0 typos)
"$typos" ./*.md docs/{,*/}*.md docs/*.schema.json .github/{ISSUE_TEMPLATE,pull_request_template.md} {crates,tests}/*/README.md deploy/argocd/README.md crds \
    deploy/charts/ecs-keeper/{README.md,README.md.gotmpl,values.yaml,files/alerts.yaml}
