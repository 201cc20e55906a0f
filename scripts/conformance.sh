#!/usr/bin/env bash
# Runs the pinned SDKs against the real binary in front of a mock upstream, all on the loopback interface.
# Needs Python 3.11 or later with venv, and Node 20 or later. API_KEY_ROTATOR_BIN names the binary; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$(realpath -m "${API_KEY_ROTATOR_BIN:-target/debug/api-key-rotator}")
venv=$PWD/target/conformance/venv
older=$PWD/target/conformance/older

# Runs "$@" when the files before "--" have changed since it last succeeded.
once_per_version() {
    local stamp=$1 files=() version
    shift
    while [[ $1 != -- ]]; do
        files+=("$1")
        shift
    done
    shift
    version=$(cat "${files[@]}" | sha256sum)
    if [[ ! -f $stamp || $(<"$stamp") != "$version" ]]; then
        "$@"
        echo "$version" >"$stamp"
    fi
}

install_python_sdks() {
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r conformance/requirements.txt
}

install_older_sdks() {
    local sdk
    rm -rf "$older"
    while read -r sdk; do
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$older/$sdk" "$sdk"
    done < <(grep -v '^#' conformance/older_sdks.txt)
}

install_node_sdks() {
    npm ci --prefix conformance --silent --no-audit --no-fund
}

if [[ ! -x $binary ]]; then
    echo "no binary at $binary: build it with 'make build', or name it in API_KEY_ROTATOR_BIN" >&2
    exit 1
fi
mkdir -p target/conformance
once_per_version target/conformance/python.stamp conformance/requirements.txt -- install_python_sdks
once_per_version target/conformance/older.stamp conformance/older_sdks.txt -- install_older_sdks
once_per_version conformance/node_modules/.stamp conformance/package.json conformance/package-lock.json -- install_node_sdks

# A clean environment: no proxy, key or base URL of the machine's owner may reach the SDKs.
cd conformance
exec env -i PATH="$PATH" HOME="$HOME" API_KEY_ROTATOR_BIN="$binary" OLDER_SDKS="$older" \
    AGENTS="${AGENTS:-}" PYTHONDONTWRITEBYTECODE=1 \
    "$venv/bin/python" -m pytest "$@"
