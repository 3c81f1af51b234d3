#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one C test program under valgrind: the wrapper that "./run valgrind" gives to meson. What can no longer be
# freed is an error; what something still points to at the end is not.
set -euo pipefail

case ${1##*/} in
python*)
    echo '1..0 # SKIP not a C program'
    exit
    ;;
esac
exec valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect --suppressions="$(dirname "$0")/valgrind.supp" "$@"
