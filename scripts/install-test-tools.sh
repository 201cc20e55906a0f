#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks. Debian and Ubuntu; elsewhere it says what to install.
set -euo pipefail

missing=()
# need COMMAND PACKAGE: COMMAND comes with PACKAGE.
need() {
    command -v "$1" >/dev/null || missing+=("$2")
}
need cc build-essential
need curl curl
need jq jq
need valgrind valgrind
need strace strace
need mariadb-install-db mariadb-server-core
need my_print_defaults mariadb-client-core
need redis-server redis-server
need node nodejs
need npm npm
[[ -n ${CHROMIUM:-} ]] || need chromium chromium
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if ((${#missing[@]})); then
    if ! command -v apt-get >/dev/null; then
        echo "install these with your package manager: ${missing[*]}" >&2
        exit 1
    fi
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" apt-get update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
fi

if ! "$(dirname "$0")/has-node.sh"; then
    echo "the panel and the SDK tests need Node 20.19, or 22.12 or later; this is $(node --version): see https://nodejs.org/en/download" >&2
    exit 1
fi
if ! command -v cargo >/dev/null; then
    echo "Rust is missing: see https://rustup.rs" >&2
    exit 1
fi
