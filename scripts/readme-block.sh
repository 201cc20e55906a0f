#!/usr/bin/env bash
# Prints a block of commands of the README, for a test to run: scripts/readme-block.sh MARK, the block after <!-- MARK -->.
set -euo pipefail
awk -v mark="<!-- ${1:?which mark?} -->" '
    $0 == mark { wanted = 1; next }
    wanted && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }
    END { exit !inside }
' "$(dirname "$0")/../README.md"
