#!/bin/bash
# The whole suite: usage: test.sh [--fast] [--presets "release asan tsan"] [--keep-going] [PYTEST ARGUMENT...]
#
# For each preset: build, unit tests, whole-program tests; lint once. Everything runs even after a failure; the last line adds
# it all up ("N passed, N failed") and the exit status is non-zero if anything failed.
# --fast is the inner loop of `make check-fast`: one quick build, unit tests, lint, and the whole-program tests marked fast.
# Further arguments go to the whole-program tests' pytest, such as -k reload.
set -u
unset MAKEFLAGS MAKELEVEL # the builds below are not sub-makes of the one that called
cd "$(dirname "$0")/.."

presets="release asan tsan"
mark=
while [ $# -gt 0 ]; do
    case $1 in
    --fast)
        presets=debug
        mark=fast
        ;;
    --presets)
        presets=$2
        shift
        ;;
    *) break ;;
    esac
    shift
done

passed=0
failed=0
skipped=0
broken=() # one line per thing that failed, repeated at the end
python=${PYTHON:-/usr/bin/python3}

heading() {
    printf '\n=== %s (%d s)\n' "$1" "$SECONDS"
}

add() { # what passed failed skipped
    passed=$((passed + $2))
    failed=$((failed + $3))
    skipped=$((skipped + $4))
    if [ "$3" -gt 0 ]; then
        broken+=("$1: $3 failed")
    fi
}

build_dir() {
    if [ "$1" = release ]; then echo build; else echo "build/$1"; fi
}

build() { # preset
    local log launcher=()
    log=$(mktemp)
    heading "build: $1"
    if command -v ccache >/dev/null; then # objects of another checkout serve too; its path is all that differs
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
        export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
    fi
    if ! cmake --preset "$1" "${launcher[@]}" >"$log" 2>&1; then
        cat "$log"
        add "configuration of preset $1" 0 1 0
    elif ! cmake --build "$(build_dir "$1")" --parallel "$(nproc)" --target tests -- -k >"$log" 2>&1; then
        # What could be built is tested all the same.
        grep -v -E '^(g?make\[|\[ *[0-9]+%\])' "$log"
        add "build of preset $1" 0 1 0
    fi
    rm -f "$log"
}

# A sanitizer's report goes to a file of its own, so that one from a process whose output and exit status nobody looks at
# fails the suite too.
sanitizer_begin() { # preset
    reports=$PWD/$(build_dir "$1")/reports
    rm -rf "$reports"
    mkdir -p "$reports"
    export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:exitcode=99:log_path=$reports/asan"
    export UBSAN_OPTIONS="print_stacktrace=1:exitcode=99:log_path=$reports/ubsan"
    export TSAN_OPTIONS="second_deadlock_stack=1:exitcode=99:log_path=$reports/tsan"
}

sanitizer_end() { # preset
    local report nr=0
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        heading "sanitizer report: $report"
        head -n 80 "$report"
        nr=$((nr + 1))
    done
    if [ "$nr" -gt 0 ]; then
        add "sanitizer reports under $1" 0 "$nr" 0
    fi
}

unit() { # preset
    local source name program log status counts skips
    heading "unit tests: $1"
    log=$(mktemp)
    for source in tests/unit/t_*.c tests/fuzz/replay.c; do
        [ -e "$source" ] || continue
        name=$(basename "$source" .c)
        program=("$(build_dir "$1")/tests/unit/$name")
        if [ "$name" = replay ]; then # the fuzz targets over what is kept of their inputs
            name=weir-fuzz-replay
            program=("$(build_dir "$1")/$name" tests/fuzz/corpus tests/fuzz/regressions)
        fi
        if "${program[@]}" >"$log" 2>&1 </dev/null; then status=0; else status=$?; fi
        # "unit: N passed, N failed" is guard.c's line, one per group; cmocka counts skipped tests as passed.
        counts=$(sed -n 's/^unit: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" |
            awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }')
        skips=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s), listed below:$/\1/p' "$log" |
            awk '{ s += $1 } END { print s + 0 }')
        set -- "$1" $counts
        if [ "$status" -ne 0 ] && [ "$3" -eq 0 ]; then # a crash, the time limit, or a sanitizer at the end
            set -- "$1" "$2" 1
        elif [ "$status" -eq 0 ] && [ "$2" -eq 0 ]; then # it ran nothing
            set -- "$1" 0 1
        fi
        if [ "$3" -gt 0 ]; then
            cat "$log"
        fi
        printf '%-24s %d passed, %d failed (exit %d)\n' "$name" "$2" "$3" "$status"
        add "unit test $name under $1" $(($2 - skips)) "$3" "$skips"
    done
    rm -f "$log"
}

run_pytest() { # what limit_s argument...
    local what=$1 limit=$2 xml status counts lines line
    shift 2
    xml=$(mktemp)
    # -s is not given: what a test prints is shown when it fails.
    timeout -k 30 "$limit" "$python" -m pytest -q -ra -p no:cacheprovider --junitxml="$xml" "$@" </dev/null
    status=$?
    # The first line: passed, failed, skipped. The others: what failed and why, for the end of the output, which is all that
    # some CI systems keep.
    mapfile -t lines < <("$python" - "$xml" <<'PY'
import sys
import xml.etree.ElementTree as tree
total = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
reasons = []
try:
    for suite in tree.parse(sys.argv[1]).getroot().iter("testsuite"):
        for key in total:
            total[key] += int(suite.get(key, 0))
        for case in suite.iter("testcase"):
            for bad in (*case.iter("failure"), *case.iter("error")):
                why = " | ".join((bad.get("message") or "").split("\n")[:12])
                reasons.append(f"{case.get('classname')}::{case.get('name')}: {why[:1200]}")
except (OSError, tree.ParseError):
    pass
bad = total["failures"] + total["errors"]
print(total["tests"] - bad - total["skipped"], bad, total["skipped"])
print(*reasons, sep="\n")
PY
    )
    counts=${lines[0]}
    for line in "${lines[@]:1}"; do
        [ -z "$line" ] || broken+=("$line")
    done
    rm -f "$xml"
    # shellcheck disable=SC2086 # three numbers
    set -- $counts
    if [ "$status" -ne 0 ] && [ "$2" -eq 0 ]; then # no test collected, an internal error, or the time limit
        echo "$what: pytest ended with status $status"
        set -- "$1" 1 "$3"
    fi
    add "$what" "$1" "$2" "$3"
}

whole_program() { # preset pytest arguments
    local preset=$1 dir
    shift
    dir=$PWD/$(build_dir "$preset")
    export WEIR_BIN=$dir/weir WEIR_DEMO=$dir/weir-demo WEIR_BUILD=$dir WEIR_PRESET=$preset
    heading "whole-program tests: $preset"
    # Each test process has a loopback address and ports of its own (tests/system/harness/places.py), so they can run side by side; they wait more than they work.
    run_pytest "whole-program tests under $preset" 1800 tests/system -n $(($(nproc) + 1)) ${mark:+-m "$mark"} "$@"
    if [ -z "$mark" ] && [ $# -eq 0 ]; then
        heading "odd requests and misbehaving endpoints: $preset"
        run_pytest "conformance under $preset" 900 tests/conformance
    fi
}

if ! scripts/install-deps.sh build test; then
    echo "0 passed, 1 failed"
    exit 1
fi
if [ "$presets" != debug ] && [ "$(id -u)" -eq 0 ]; then
    scripts/install-deps.sh image # without them the image's tests are skipped, as they are for ordinary users
fi
scripts/fetch-promtool.sh build/tools
export PATH="$PWD/build/tools:$PATH"
first=${presets%% *}
for preset in $presets; do
    build "$preset"
    if [ "$preset" = "$first" ]; then
        heading "lint"
        WEIR_BUILD=$PWD/$(build_dir "$preset") run_pytest lint 900 tests/lint ${mark:+-m "not slow"}
    fi
    sanitizer_begin "$preset"
    unit "$preset"
    whole_program "$preset" "$@"
    sanitizer_end "$preset"
done

heading "result"
for line in "${broken[@]}"; do
    echo "$line"
done
if [ "$passed" -eq 0 ]; then
    failed=$((failed + 1))
fi
printf '%d skipped\n' "$skipped"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
