#!/usr/bin/env bash
# Proves with `cargo tree` that no crate knows what it must not know.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0

# forbid WHAT PATTERN ARGUMENTS...: none of the crates that `cargo tree ARGUMENTS` lists may match PATTERN.
forbid() {
    local what=$1 pattern=$2 crates found
    shift 2
    crates=$(cargo tree --locked --prefix none --format '{p}' "$@" | cut --delimiter ' ' --fields 1 | sort --unique)
    if found=$(grep --extended-regexp --line-regexp "$pattern" <<<"$crates"); then
        echo "$what must not depend on: ${found//$'\n'/, }" >&2
        failed=1
    fi
}

servers='hyper|hyper-util|axum|axum-core|tower|h2'
sql='rusqlite|libsqlite3-sys|mysql.*|sqlx.*|diesel.*'
redis='redis|deadpool.*|fred'
ours='store-sqlite|store-mysql|cache-memory|cache-redis|proxy-hyper|admin-api|importers|server-bin|bench|contract-tests'

forbid 'rotator-core' "$servers|$sql|$redis|$ours|llm-formats" --edges normal --package rotator-core
forbid 'llm-formats' "$servers|$sql|$redis|tokio|$ours|rotator-core" --edges normal --package llm-formats
forbid 'importers' "$servers|$sql|$redis|store-.*|cache-.*|proxy-hyper|admin-api" --edges normal --package importers
forbid 'proxy-hyper' "axum|$sql|$redis|store-.*|cache-.*|admin-api" --edges normal --package proxy-hyper
forbid 'admin-api' "$sql|$redis|store-.*|cache-.*|proxy-hyper" --edges normal --package admin-api
forbid 'store-sqlite' "$servers|$redis|store-mysql|cache-.*|proxy-hyper|admin-api" --edges normal --package store-sqlite
forbid 'cache-memory' "$servers|$sql|$redis|store-.*|cache-redis|proxy-hyper|admin-api" --edges normal --package cache-memory
forbid 'cache-redis' "$servers|$sql|store-.*|cache-memory|proxy-hyper|admin-api" --edges normal --package cache-redis
forbid 'the lightweight build' "mysql.*|$redis|store-mysql|cache-redis" --edges normal,build --package server-bin
# One TLS stack and one crypto provider: rustls and aws-lc-rs.
forbid 'the workspace' 'ring|rustls-ring|openssl|openssl-sys|native-tls|boring|boring-sys|rsa' --workspace --all-features

[ "$failed" -eq 0 ] && echo "dependency rules hold"
exit "$failed"
