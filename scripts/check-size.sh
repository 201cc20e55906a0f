#!/usr/bin/env bash
# A file is one idea: no source file may have more than 400 lines before its tests.
set -euo pipefail
cd "$(dirname "$0")/.."

limit=400
find crates/*/src bench/src -name '*.rs' -not -name 'tests.rs' -not -path '*/tests/*' -print0 |
    xargs --null awk -v limit="$limit" '
        FNR == 1 { in_tests = 0 }
        /^#\[cfg\(test\)\]/ { in_tests = 1 }
        !in_tests { lines[FILENAME]++ }
        END {
            for (file in lines) {
                if (lines[file] > limit) {
                    printf "%s has %d lines before its tests, more than %d: split it by idea\n", file, lines[file], limit
                    failed = 1
                }
            }
            exit failed
        }' >&2
echo "no source file has more than $limit lines before its tests"
