#!/usr/bin/env bash
# Runs random schedules of the engine over both resources, SCHEDULES of them from the seed FIRST on. By itself it takes seeds
# that nobody has tried: each commit has a range of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

schedules=${SCHEDULES:-60000}
if [ -n "${FIRST:-}" ]; then
    first=$FIRST whence='as asked'
elif commit=$(git rev-parse --quiet --verify HEAD 2>/dev/null); then
    first=$((16#${commit:0:12})) whence="from commit ${commit:0:12}"
else
    first=$(($(date +%s) * 1000000)) whence='from the clock, because there is no commit'
fi

cargo=(cargo test --profile simulation --locked --package keeper-core --test simulation)
"${cargo[@]}" --no-run
echo "simulate: $schedules schedules, from seed $first on ($whence)."
echo "simulate: run the same ones again with \`make simulate FIRST=$first SCHEDULES=$schedules\`."
SIMULATION_FIRST=$first SIMULATION_SCHEDULES=$schedules "${cargo[@]}" --quiet i24_any
