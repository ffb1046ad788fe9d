#!/bin/bash
# `make fuzz`: runs the libFuzzer targets of tests/fuzz/ under ASan and UBSan, as many side by side as there are cores. Usage:
#   fuzz.sh [--jobs N] [--coverage] [TARGET...]        (default: all targets; SECONDS_EACH=60 for each)
# Inputs that reach new code are kept in build/fuzz-corpus/TARGET from one run to the next. What a target finds lies in
# build/fuzz-findings/TARGET and is named at the end; the exit status is then 1. tests/fuzz/README.md says what to do with it.
# --coverage runs nothing new: it builds with source coverage, replays the inputs found so far and prints what they reach.
set -u
unset MAKEFLAGS MAKELEVEL
cd "$(dirname "$0")/.."

jobs=$(nproc)
seconds=${SECONDS_EACH:-60}
coverage=no
while [ $# -gt 0 ]; do
    case $1 in
    --jobs)
        jobs=$2
        shift
        ;;
    --coverage) coverage=yes ;;
    -*)
        echo "usage: SECONDS_EACH=60 fuzz.sh [--jobs N] [--coverage] [TARGET...]"
        exit 2
        ;;
    *) break ;;
    esac
    shift
done
case $seconds$jobs in
*[!0-9]*)
    echo "fuzz: SECONDS_EACH and --jobs are whole numbers"
    exit 2
    ;;
esac

all=$(for source in tests/fuzz/f_*.c; do basename "$source" .c | cut -c3-; done)
targets=${*:-$all}
for target in $targets; do
    if [ ! -e "tests/fuzz/f_$target.c" ]; then
        echo "fuzz: there is no target $target; there are:" $all
        exit 2
    fi
done

build() { # folder cmake-argument...
    local dir=$1 log
    shift
    log=$(mktemp)
    if ! cmake --preset fuzz -B "$dir" "$@" >"$log" 2>&1 ||
        ! cmake --build "$dir" --parallel "$(nproc)" --target fuzzers >"$log" 2>&1; then
        cat "$log"
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

measure() {
    local dir=build/fuzz-coverage target objects=()
    build "$dir" -DCMAKE_C_FLAGS="-fprofile-instr-generate -fcoverage-mapping"
    rm -f "$dir"/*.profraw
    for target in $targets; do
        mkdir -p "build/fuzz-corpus/$target"
        LLVM_PROFILE_FILE=$dir/$target.profraw "$dir/fuzz/fuzz_$target" -runs=0 "build/fuzz-corpus/$target" \
            "tests/fuzz/corpus/$target" >"$dir/$target.log" 2>&1 || {
            echo "fuzz: $target fails on an input: see $dir/$target.log"
            exit 1
        }
        objects+=(-object "$dir/fuzz/fuzz_$target")
    done
    llvm-profdata merge -o "$dir/all.profdata" "$dir"/*.profraw
    llvm-cov report "${objects[@]}" -instr-profile="$dir/all.profdata" -show-functions=false \
        -ignore-filename-regex='tests/fuzz|entry_|/usr/' |
        awk 'NR == 1 || /\.[ch] / || /^TOTAL/ {
                 if (NR == 1) printf "%-28s %22s %22s\n", "file", "lines", "branches"
                 else if ($8 > $9) printf "%-28s %6d of %6d %5s %6d of %6d %5s\n", $1, $8 - $9, $8, $10, $11 - $12, $11, $13
             }'
}

fuzz_one() { # target
    local target=$1 corpus=build/fuzz-corpus/$1 findings=build/fuzz-findings/$1 dictionary=() status
    mkdir -p "$corpus" "$findings" "tests/fuzz/corpus/$target"
    if [ -e "tests/fuzz/dictionaries/$target" ]; then
        dictionary=(-dict="tests/fuzz/dictionaries/$target")
    fi
    # A unit that takes 25 s, more than 2 GB, or any report of a sanitizer is a finding.
    timeout -k 10 $((seconds + 120)) build/fuzz/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 \
        -max_len=4096 -print_final_stats=1 "${dictionary[@]}" -artifact_prefix="$findings/" \
        "$corpus" "tests/fuzz/corpus/$target" >"$findings.log" 2>&1
    status=$?
    echo "$status" >"$findings.status"
}

if [ "$coverage" = yes ]; then
    measure
    exit
fi

build build/fuzz
rm -rf build/fuzz-findings
mkdir -p build/fuzz-findings
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:quarantine_size_mb=32"
export UBSAN_OPTIONS="print_stacktrace=1"
nr=$(echo $targets | wc -w)
echo "fuzz: $nr targets, $seconds s each, $jobs side by side"
for target in $targets; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n
    done
    fuzz_one "$target" &
done
wait

bad=0
for target in $targets; do
    log=build/fuzz-findings/$target.log
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$(cat "build/fuzz-findings/$target.status")" -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
        printf '%-10s %9d runs, %5s places reached, nothing found\n' "$target" "$runs" "${reached:-?}"
        continue
    fi
    bad=$((bad + 1))
    printf '%-10s FOUND: see %s\n' "$target" "$log"
    grep -m 3 -E 'does not hold|SUMMARY|ERROR: libFuzzer' "$log"
    for input in "build/fuzz-findings/$target"/*; do
        if [ -e "$input" ]; then
            echo "    input: $input"
        fi
    done
done
echo "fuzz: $((nr - bad)) targets passed, $bad failed"
[ "$bad" -eq 0 ]
