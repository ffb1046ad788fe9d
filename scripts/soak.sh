#!/bin/bash
# A soak: mixed load with reloads, faults, slow clients and TLS for a time, under AddressSanitizer. Usage: soak.sh [MINUTES]
# It prints its figures and fails when memory, descriptors or counters are not what they must be (tests/system/harness/soak.py).
# SOAK_PRESET=release (or tsan) takes another build.
set -eu
cd "$(dirname "$0")/.."

minutes=${1:-10}
preset=${SOAK_PRESET:-asan}
dir=$PWD/build/$preset
if [ "$preset" = release ]; then dir=$PWD/build; fi

cmake --preset "$preset" >/dev/null
cmake --build "$dir" --parallel "$(nproc)" --target weir --target weir-demo --target weir-load --target weir-nomem
# A small quarantine: what was freed must not hide what leaks.
export ASAN_OPTIONS=detect_leaks=1:exitcode=99:quarantine_size_mb=4
export UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
export WEIR_BIN=$dir/weir WEIR_DEMO=$dir/weir-demo WEIR_BUILD=$dir WEIR_PRESET=$preset
WEIR_SOAK_SECONDS=$((minutes * 60)) exec nice "${PYTHON:-/usr/bin/python3}" -m pytest -q -s -p no:cacheprovider \
    tests/system/test_soak.py
