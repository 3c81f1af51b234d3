#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every libFuzzer program of a build directory: run.sh BUILD SECONDS. What they learn stays in
# .cache/fuzz; an input that breaks one is left in the current directory, and the exit status says so.
set -euo pipefail
build=$1 seconds=$2 failed=0
here=$(dirname "${BASH_SOURCE[0]}")
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

for source in "$here"/fuzz_*.c; do
    name=$(basename "$source" .c)
    learned=.cache/fuzz/${name#fuzz_}
    mkdir -p "$learned"
    echo "== $name, $seconds seconds"
    "$build/tests/fuzz/$name" -max_total_time="$seconds" -max_len=16384 -timeout=10 -verbosity=0 \
        -print_final_stats=1 "$learned" "$here/corpus/${name#fuzz_}" || failed=1
done
exit $failed
