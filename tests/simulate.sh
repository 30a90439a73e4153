#!/usr/bin/env bash
# Runs random schedules of the engine, SCHEDULES of instances and beside them a tenth as many of interfaces, from the seed
# FIRST on. By itself it takes seeds that nobody has tried: each commit has a range of its own.
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

cargo=(cargo test --profile simulation --locked --package keeper-core)
"${cargo[@]}" --test simulation --test retention --no-run
echo "simulate: $schedules schedules of instances and $((schedules / 10)) of interfaces, from seed $first on ($whence)."
echo "simulate: run the same ones again with \`make simulate FIRST=$first SCHEDULES=$schedules\`."
export SIMULATION_FIRST=$first
SIMULATION_SCHEDULES=$schedules "${cargo[@]}" --quiet --test simulation i24_any &
instances=$!
SIMULATION_SCHEDULES=$((schedules / 10)) "${cargo[@]}" --quiet --test retention i24_any &
interfaces=$!
failed=0
wait "$instances" || failed=1
wait "$interfaces" || failed=1
exit "$failed"
