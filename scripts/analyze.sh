#!/bin/bash
# `make analyze`: clang-tidy (.clang-tidy), cppcheck and gcc -fanalyzer over the sources. No findings is the only accepted
# result: a finding is repaired, or, where the tool is wrong, the check is switched off with its reason: for one line by
# NOLINT(check-name) or cppcheck-suppress, for all in .clang-tidy or below.
# Usage: analyze.sh [FILE.c...]   (default: all but the unit tests, whose way of leaving a failed test confuses these tools)
set -u
unset MAKEFLAGS MAKELEVEL
cd "$(dirname "$0")/.."
jobs=$(nproc)
findings=0
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

if [ $# -eq 0 ]; then
    set -- {base,experiment,router,metrics,conf,store,control,proxy,bench}/*.c tests/{demo,load,fuzz}/*.c
fi
sources=()
for file; do
    if [ -e "$file" ]; then # else it is the pattern of a folder that holds none
        sources+=("$file")
    fi
done

verdict() { # tool
    if [ -s "$out/$1" ]; then
        cat "$out/$1"
        echo "analyze: $1 has findings"
        findings=1
    else
        echo "analyze: $1 has none ($SECONDS s)"
    fi
}

if ! cmake --preset clang >"$out/cmake" 2>&1 || ! cmake --preset debug >"$out/cmake" 2>&1; then
    cat "$out/cmake"
    exit 1
fi

# Findings go to standard output; standard error counts what was suppressed, but also says why it could not run at all.
printf '%s\0' "${sources[@]}" |
    xargs -0 -P "$jobs" -n 1 clang-tidy -p build/clang --quiet >"$out/clang-tidy" 2>"$out/tidy-errors" ||
    [ -s "$out/clang-tidy" ] || cp "$out/tidy-errors" "$out/clang-tidy"
verdict clang-tidy

cppcheck --enable=warning,portability,performance --inline-suppr --quiet -j "$jobs" --std=c11 --library=posix \
    --library=tests/lint/cppcheck.cfg --suppress=missingIncludeSystem -I. -D_GNU_SOURCE -D__GNUC__=12 -D__linux__ \
    -D__x86_64__ '-DWEIR_VERSION="0"' \
    "${sources[@]}" >"$out/cppcheck" 2>&1
verdict cppcheck

WEIR_BUILD=build/debug /usr/bin/python3 -c '
import sys
sys.path.insert(0, "tests/lint")
import rules
print("\n".join(flag.replace("\"", "\\\"") for flag in rules.compile_flags()))' >"$out/flags" || exit 1
# gcc 12 loses sight of what is stored in an object that it reaches through two pointers, and calls it leaked. In these
# files it is wrong: strings that rows put into a struct, hash table buckets (uthash) that the table keeps, a lease, a gauge
# and a text that their owner keeps. Leaks in them are found by LeakSanitizer under the preset asan.
gcc_analyze() { # file
    local wrong=
    case $1 in
    conf/rows.c | proxy/client/admission.c | proxy/worker/worker.c | router/skeleton.c | tests/fuzz/transcript.c) wrong=-Wno-analyzer-malloc-leak ;;
    esac
    gcc "@$out/flags" -O1 -fanalyzer ${wrong:+"$wrong"} -c -o /dev/null "$1"
}
export -f gcc_analyze
export out
printf '%s\0' "${sources[@]}" |
    xargs -0 -P "$jobs" -n 1 bash -c 'gcc_analyze "$1"' analyze >"$out/gcc-analyzer" 2>&1
verdict gcc-analyzer

exit "$findings"
