#!/bin/sh
# Installs what `make bench` measures with, where it is missing: nginx, valgrind and strace. Debian and Ubuntu.
set -eu

missing=""
for tool in nginx valgrind strace; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -z "$missing" ]; then
    echo "nginx, valgrind and strace are installed"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "install these with your package manager:$missing" >&2
    exit 1
fi

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
$as_root apt-get update
# shellcheck disable=SC2086 # a list of words
$as_root apt-get install --yes --no-install-recommends $missing

# The package starts a server of its own; the benchmark starts what it needs.
case "$missing" in
*nginx*)
    if command -v systemctl >/dev/null && systemctl is-active --quiet nginx; then
        $as_root systemctl disable --now nginx
    fi
    ;;
esac
