#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every check that runs nothing, over all tracked files: ./run lint. Goes on after a failure, so that one
# run tells everything; the exit status says whether there was any.
set -uo pipefail
build=$1 # configured for clang-14: what clang-tidy reads the flags from
failed=()

check() { # NAME COMMAND...
    local start=$SECONDS
    if "${@:2}"; then
        printf 'ok   %s (%d s)\n' "$1" $((SECONDS - start))
    else
        printf 'FAIL %s\n' "$1"
        failed+=("$1")
    fi
}

# Fails, and shows where, when a tracked file of the given kinds holds the pattern.
nowhere() { # PATTERN PATHSPEC...
    ! git grep -nIP "$1" -- "${@:2}"
}

c_files() { git ls-files -z '*.c' '*.h'; }
product() { git ls-files -z '*.c' ':!tests'; }

format() { c_files | xargs -0 clang-format-14 --dry-run -Werror; }
tidy() {
    product | xargs -0 -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p "$build" 2> >(grep -v 'warnings\? generated' >&2)
}
cppcheck_all() {
    product | xargs -0 cppcheck --quiet --error-exitcode=1 -j "$(nproc)" --std=c11 --library=posix \
        --enable=warning,performance,portability --suppressions-list=tests/cppcheck.txt -I . -I "$build" \
        --include=/usr/include/jansson.h --include="/usr/include/$(gcc -print-multiarch)/sys/queue.h"
}
shell() { git grep -lzE '^#!.*\b(ba)?sh$' | xargs -0 shellcheck; }
python() {
    git ls-files -z '*.py' | xargs -0 python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name, encoding="utf-8").read(), name)'
}
licence() {
    local without
    without=$(git ls-files -z '*.c' '*.h' '*.py' '*.sh' '*.mjs' '*meson.build' run .ci/run |
        xargs -0 grep -L 'SPDX-License-Identifier: Apache-2.0')
    printf '%s' "${without:+no SPDX line: $without
}"
    [[ -z $without ]]
}
sizes() { # more than 600 lines is more than one purpose
    git ls-files -z '*.c' '*.h' run ':!tests' | xargs -0 -n 1 wc -l | awk '$1 > 600 {print $2 ": " $1 " lines"; bad = 1} END {exit bad}'
}

check "unfinished work" nowhere '\b(TO''DO|FIX''ME|XX''X|HA''CK|not imple''mented|unimple''mented)\b' '*.c' '*.h' '*.py' '*.sh' '*.md' '*.build' run .ci
check "spaces at line ends, tabs" nowhere '[ \t]+$|^ *\t' '*.c' '*.h' '*.py' '*.sh' '*.md' '*.build' run .ci
check "memory comes from base/memory.h" nowhere '(?<![\w.>])(malloc|calloc|realloc|reallocarray|strn?dup|v?asprintf|free)\((?!\))' 'base/*.c' 'net/*.c' 'vaultclient/*.c' 'azureclient/*.c' 'agent/*.c' ':!base/memory.c'
check "licence lines" licence
check "sizes" sizes
check "layers" python3 tests/check_layers.py .
check "python" python
check "shellcheck" shell
check "clang-format" format
check "cppcheck" cppcheck_all
check "clang-tidy" tidy

if ((${#failed[@]})); then
    printf 'lint: failed:%s\n' "$(printf ' %s' "${failed[@]}")"
    exit 1
fi
echo "lint: all good"
