#!/usr/bin/env bash
# Has libFuzzer make up inputs for each decoder of what strangers write, led by what of the code they reach (I47). It needs no nightly
# compiler: the coverage is LLVM's own pass.
#
#     tests/fuzz.sh [TARGET...]               10,000,000 inputs for each of the targets, or of all
#     tests/fuzz.sh --runs 1000 [TARGET...]   so many
#     tests/fuzz.sh --seconds 300 [TARGET...] so long for all of them together, or until that many inputs
#     tests/fuzz.sh --input FILE TARGET       the one input
#     tests/fuzz.sh --keep [TARGET...]        nothing new: keeps of what was reached the few inputs that reach it, in crates/fuzz/corpus
set -euo pipefail
cd "$(dirname "$0")/.."

runs=10000000 seconds=0 input='' keep=''
while [ $# -gt 0 ]; do
    case $1 in
    --runs) runs=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --input) input=$2; shift 2 ;;
    --keep) keep=yes; shift ;;
    -*) echo "fuzz: unknown option $1; see the first lines of $0" >&2; exit 2 ;;
    *) break ;;
    esac
done
[ -z "$input" ] || [ $# -eq 1 ] || { echo "fuzz: name the target of $input" >&2; exit 2; }
corpus=crates/fuzz/corpus
# shellcheck disable=SC2046 # A word for each target.
[ $# -gt 0 ] || set -- $(ls "$corpus")

# What cargo-fuzz sets, but for the address sanitizer: that needs a nightly compiler, and there is no unsafe code here to be watched.
# With a target named, the flags are for the program alone and not for what builds it.
sanitizer='-Cllvm-args=-sanitizer-coverage'
host=$(rustc --print host-tuple)
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module $sanitizer-level=4 $sanitizer-inline-8bit-counters $sanitizer-pc-table $sanitizer-trace-compares $sanitizer-stack-depth" \
    cargo build --quiet --locked --profile fuzz --package keeper-fuzz --target "$host"
program=${CARGO_TARGET_DIR:-target}/$host/fuzz/keeper-fuzz

limits=(-max_len=16384 -timeout=10 -rss_limit_mb=512)

# Which lines of the log say what it found, and not how it went on.
found='^(thread|INFO: seed|SUMMARY|==.*ERROR)|panicked|artifact_prefix|crates/.*:[0-9]+|src/.*:[0-9]+'

failed=0
for target in "$@"; do
    [ -d "$corpus/$target" ] || { echo "fuzz: there is no target $target in $corpus" >&2; exit 2; }
    work=${CARGO_TARGET_DIR:-target}/fuzzing/$target
    mkdir -p "$work/corpus" "$work/found"
    fuzz() { FUZZ_TARGET=$target "$program" "${limits[@]}" "$@"; }
    if [ -n "$input" ]; then
        fuzz "$input"
    elif [ -n "$keep" ]; then
        rm -rf "$work/kept" && mkdir "$work/kept"
        # Each input has to reach something of its own: how often it reaches it does not count.
        fuzz -merge=1 -set_cover_merge=1 -use_counters=0 "$work/kept" "$corpus/$target" "$work/corpus" 2>"$work/log"
        rm -rf "${corpus:?}/$target" && mv "$work/kept" "$corpus/$target"
        echo "fuzz: $target: $(find "$corpus/$target" -type f | wc -l) inputs kept, $(du -sh --apparent-size "$corpus/$target" | cut -f 1)"
    elif fuzz -runs="$runs" -max_total_time=$(((seconds + $# - 1) / $#)) -dict=crates/fuzz/dictionary -print_final_stats=1 \
        -artifact_prefix="$work/found/" "$work/corpus" "$corpus/$target" >"$work/log" 2>&1; then
        echo "fuzz: $target: $(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 inputs in \2 s/p' "$work/log"), nothing found"
    else
        failed=1
        echo "fuzz: $target: FOUND SOMETHING" >&2
        grep -E "$found" "$work/log" | tail -n 20 >&2
    fi
done
exit "$failed"
