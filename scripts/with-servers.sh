#!/usr/bin/env bash
# Runs a command with the servers that some tests need, such as `scripts/with-servers.sh cargo test`, and ends them
# afterwards. Each server has a script in test-servers/, and a variable in which tests find its address.
set -euo pipefail
shopt -s nullglob

servers=$(dirname "$(realpath "$0")")/test-servers
folder=$(mktemp --directory)
finish() {
    for server in "$folder"/*/; do
        "$servers/$(basename "$server").sh" stop "$server"
    done
    rm -rf "$folder"
}
trap finish EXIT

# serve NAME VARIABLE: starts the server, unless the variable names one.
serve() {
    if [ -z "${!2:-}" ]; then
        mkdir "$folder/$1"
        export "$2=$("$servers/$1.sh" start "$folder/$1")"
    fi
}
serve mariadb TEST_MARIADB_URL

"$@"
