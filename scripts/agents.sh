#!/usr/bin/env bash
# Runs pinned coding agents against the real binary, in front of the mock upstream of scripts/conformance.sh. They are
# a gigabyte from the npm registry, in target/agents. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$PWD/target/agents
if ! cmp --silent conformance/agents/package-lock.json "$folder/installed.json"; then
    mkdir -p "$folder"
    cp conformance/agents/package.json conformance/agents/package-lock.json "$folder"
    # Scripts of packages stay where they are: nothing here needs them.
    npm ci --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts
    cp conformance/agents/package-lock.json "$folder/installed.json"
fi
AGENTS=$folder/node_modules exec scripts/conformance.sh agents "$@"
