#!/usr/bin/env bash
# A MariaDB server for tests, in a folder of its own and on a free port of this machine.
#   mariadb.sh start FOLDER   prints the server's address; its process id is in FOLDER/pid
#   mariadb.sh stop FOLDER    ends it; the folder stays
# A commit outlives the server and not the machine: syncing would take most of the time.
set -euo pipefail
# Where Debian keeps servers, though not for everybody.
PATH=$PATH:/usr/sbin

start() {
    local folder port
    folder=$(realpath "$1")
    # A server that starts clears away every temporary table it finds, those of others that run as well.
    export TMPDIR=$folder/tmp
    mkdir -p "$TMPDIR"
    [ -d "$folder/data" ] || mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$folder/data" --skip-test-db \
        --auth-root-authentication-method=normal --skip-name-resolve >"$folder/install.log" 2>&1 || {
        echo "MariaDB's tables cannot be made:" >&2
        tail --lines 40 "$folder/install.log" >&2
        exit 1
    }
    port=$(cat "$folder/port" 2>/dev/null || free_port)
    echo "$port" >"$folder/port"
    : >"$folder/log"
    mariadbd --no-defaults --user="$(id -un)" --datadir="$folder/data" --socket="$folder/socket" --pid-file="$folder/pid" \
        --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --max-connections=2000 \
        --innodb-flush-log-at-trx-commit=2 --innodb-flush-method=nosync --innodb-doublewrite=0 >>"$folder/log" 2>&1 &
    for _ in $(seq 600); do
        if grep --quiet 'ready for connections' "$folder/log"; then
            echo "mysql://root@127.0.0.1:$port"
            return
        fi
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    echo "MariaDB did not start:" >&2
    tail --lines 20 "$folder/log" >&2
    exit 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    kill -0 "$pid" 2>/dev/null || {
        echo "MariaDB had ended by itself; the last that it said:" >&2
        tail --lines 60 "$1/log" >&2
    }
    # One that was stopped by a test wakes up first.
    kill -CONT "$pid" 2>/dev/null && kill -KILL "$pid" 2>/dev/null
    # Ended, though nobody may have asked how.
    while grep --quiet '^State:.[^Z]' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
    rm -f "$1/pid"
}

case "${1:-}" in
start) start "$2" ;;
stop) stop "$2" ;;
*)
    echo "usage: ${0##*/} start|stop FOLDER" >&2
    exit 2
    ;;
esac
