#!/usr/bin/env bash
# Runs the images that are there as the README says, and checks what it promises: scripts/test-images.sh [lightweight] [enterprise]
# Needs bash, curl, jq and python3, and that the ports 8000, 3306 and 6379 are free.
#
#   DOCKER       docker or podman
#   NETWORK      host for engines that can make no network of their own
#   MYSQL_IMAGE, REDIS_IMAGE   what the enterprise image is run with
set -euo pipefail
cd "$(dirname "$0")/.."

engine=${DOCKER:-docker}
image=api-key-rotator
network=${NETWORK:-rotator-test-$$}
mysql_image=${MYSQL_IMAGE:-docker.io/library/mysql:8.0}
redis_image=${REDIS_IMAGE:-docker.io/library/redis:7-alpine}
builds=("$@")
((${#builds[@]})) || builds=(lightweight enterprise)

scripts=$PWD/scripts
program=/usr/local/bin/api-key-rotator
folder=$(mktemp --directory)
password='a password of this test'
proxy_key=pk-of-this-test-0123456789
jwt_secret=$(head -c 48 /dev/urandom | base64 --wrap 0)
upstream_pid=

fail() {
    echo "test-images: $*" >&2
    "$engine" logs rotator-test 2>&1 | tail -n 20 >&2 || true
    exit 1
}
say() { echo "  $*"; }

# One by one: Podman stops at the first name that is nobody's.
remove() {
    local name
    for name in "$@"; do
        "$engine" rm --force --volumes "$name" >/dev/null 2>&1 || true
    done
}
finish() {
    remove rotator-test rotator-test-mysql rotator-test-redis
    [[ -z $upstream_pid ]] || kill "$upstream_pid" 2>/dev/null || true
    [[ $network == host ]] || "$engine" network rm "$network" >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT

# until_true SECONDS COMMAND…: waits for it.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# ---- An API to call: it wants its key in the query, and takes two seconds for /slow. ----

start_upstream() {
    local port_file=$folder/port
    python3 - "$port_file" <<'PYTHON' &
import http.server, json, sys, time, urllib.parse

class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        key = urllib.parse.parse_qs(url.query).get("access_key", [""])[0]
        if url.path.endswith("/slow"):
            time.sleep(2)
        seen = {"temperature": 21, "proxy_key_seen": "x-proxy-key" in self.headers}
        status, body = (200, seen) if key.startswith("weather-key-") else (401, {"error": "no key"})
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Api)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PYTHON
    upstream_pid=$!
    until_true 10 test -s "$port_file" || fail "the mock API did not start"
    upstream=http://$this_machine:$(<"$port_file")
}

# ---- What the README says, with secrets in place of its samples. ----

# readme_block NAME: the block after the mark <!-- images: NAME -->.
readme_block() {
    "$scripts/readme-block.sh" "images: $1" | sed \
        -e "s/your_password/$password/" -e "s|your_jwt_secret|$jwt_secret|" -e "s/your_proxy_key/$proxy_key/" \
        -e "s/your_db_password/database-password/"
}

# What `docker` means in these blocks: this engine, with a name to find the container by, and what stands for its network.
flags=()
docker() {
    if [[ $1 == run ]]; then
        shift
        "$engine" run --name rotator-test "${flags[@]}" "$@"
    else
        "$engine" "$@"
    fi
}
# The images are there.
make() { [[ $1 == build-* ]]; }

start() {
    (cd "$folder" && eval "$(readme_block "$1")" >/dev/null) || fail "the README's lines for $1 do not work"
    until_true 60 is_healthy || fail "$1 does not become healthy"
}
is_healthy() { "$engine" exec rotator-test "$program" healthcheck; }
logged() { "$engine" logs rotator-test 2>&1 | grep "$1" >/dev/null; }
run_quietly() { "$engine" run --name rotator-test "${flags[@]}" "$@" >"$folder/out" 2>&1; }

admin() {
    curl -sS --fail-with-body -H "Authorization: Bearer $token" "http://localhost:8000/api/admin$1" \
        -H 'content-type: application/json' --data "$2"
}
sign_in() {
    token=$(curl -sS --fail-with-body http://localhost:8000/api/admin/login -H 'content-type: application/json' \
        --data "{\"username\": \"admin\", \"password\": \"$password\"}" | jq --raw-output .access_token)
}
add_service() {
    sign_in
    local id
    id=$(admin /proxy-configs "{
        \"name\": \"Weather\", \"slug\": \"weather\", \"config_type\": \"GENERIC\", \"target_url\": \"$upstream\",
        \"api_key_location\": \"query\", \"api_key_name\": \"access_key\"}" | jq .id)
    admin "/proxy-configs/$id/keys/batch" '{"keys": ["weather-key-1", "weather-key-2"]}' >/dev/null
}
call() { curl -sS --fail-with-body "http://localhost:8000/proxy/weather/${1:-current?query=London}" -H "X-Proxy-Key: $proxy_key"; }
call_works() {
    # The README's own line.
    answer=$(PROXY_KEY=$proxy_key ROTATOR=http://localhost:8000 bash -c "$(readme_block curl)") || fail "curl: $answer"
    [[ $(jq --compact-output '[.temperature, .proxy_key_seen]' <<<"$answer") == '[21,false]' ]] || fail "curl: $answer"
}

# ---- What holds for both. ----

inspect_image() {
    local user size
    user=$("$engine" image inspect --format '{{.Config.User}}' "$image:$1")
    [[ $user == 65532:65532 ]] || fail "$1 is run as $user"
    "$engine" image inspect "$image:$1" | jq --exit-status '.[0] | .Config.StopSignal // "SIGTERM" | . == "SIGTERM" or . == "15"' \
        >/dev/null || fail "$1 has another stop signal"
    "$engine" image inspect "$image:$1" | grep '"healthcheck"' >/dev/null || fail "$1 has no health check"
    for label in title source version revision created licenses; do
        "$engine" image inspect "$image:$1" | jq --exit-status ".[0].Config.Labels[\"org.opencontainers.image.$label\"]" \
            >/dev/null || fail "$1 has no label $label"
    done
    remove rotator-test
    "$engine" create --name rotator-test "$image:$1" >/dev/null
    "$engine" cp "rotator-test:$program" "$folder/$1"
    remove rotator-test
    size=$(stat --format %s "$folder/$1")
    all=$("$engine" image inspect --format '{{.Size}}' "$image:$1")
    say "$1: $((size / 1000)) kB in all of $((all / 1000)) kB, of which the base has $(((all - size) / 1000)) kB"
    ((size <= $2)) || fail "$1 is larger than $2 bytes"
    ((all - size <= 35000000)) || fail "the base of $1 is larger than 35 MB"
    run_quietly "$image:$1" --version || fail "$(<"$folder/out")"
    grep --quiet "($1)" "$folder/out" || fail "$(<"$folder/out") is not the $1 build"
    remove rotator-test
}

stops_gracefully() {
    call slow >"$folder/slow" &
    local slow=$!
    sleep 0.5
    "$engine" stop --time 40 rotator-test >/dev/null
    wait "$slow" || fail "a request that was under way did not survive the stop"
    jq --exit-status .temperature "$folder/slow" >/dev/null || fail "$(<"$folder/slow")"
    local code
    code=$("$engine" inspect --format '{{.State.ExitCode}}' rotator-test)
    [[ $code == 0 ]] || fail "the stop ended with $code"
    logged stopped || fail "the stop is not in the log"
    say "a request under way survives the stop, which ends with 0"
}

runs_without_rights() {
    local pid
    pid=$("$engine" inspect --format '{{.State.Pid}}' rotator-test)
    if [[ ! -r /proc/$pid/status ]]; then
        say "its process is on another machine: whether it runs without rights is not looked at"
        return
    fi
    grep --quiet --extended-regexp '^CapEff:\s+0+$' "/proc/$pid/status" || fail "it kept capabilities in effect"
    grep --quiet --extended-regexp '^CapPrm:\s+0+$' "/proc/$pid/status" || fail "it kept capabilities: $(grep CapPrm "/proc/$pid/status")"
    ! grep --quiet --extended-regexp '^Uid:\s+0\s' "/proc/$pid/status" || fail "it runs as root"
    say "runs as user $(awk '/^Uid:/ { print $2 }' "/proc/$pid/status") without capabilities"
}

# ---- Each of them. ----

test_lightweight() {
    inspect_image lightweight 25000000
    ! grep --text --quiet --extended-regexp 'registry/src/[^/]*/(redis|mysql_)' "$folder/lightweight" ||
        fail "lightweight has code of MySQL or Redis"

    # As Docker makes the folder of a volume, and as the old project's server left it: root's, or whoever runs this.
    mkdir -p "$folder/data"
    start lightweight
    until_true 10 logged 'Database Type: sqlite' || fail "it does not say what its database is"
    until_true 10 logged 'Cache Type: memory' || fail "it does not say what its cache is"
    runs_without_rights
    add_service
    call_works
    stops_gracefully
    remove rotator-test
    start lightweight
    call_works
    say "keeps its data when the container is made anew"
    remove rotator-test

    run_quietly --detach --read-only --cap-drop ALL --security-opt no-new-privileges --env ADMIN_PASSWORD="$password" \
        --env GLOBAL_PROXY_KEYS="$proxy_key" --publish 8000:8000 --volume "$folder/data:/app/data" "$image:lightweight" ||
        fail "$(<"$folder/out")"
    until_true 60 is_healthy || fail "lightweight is not healthy where it may do nothing"
    call_works
    say "runs read-only, without capabilities and new privileges, on the same data"
    remove rotator-test

    run_quietly --detach --publish 8000:8000 "$image:lightweight" || fail "$(<"$folder/out")"
    until_true 60 is_healthy || fail "lightweight is not healthy without any setting"
    until_true 10 logged 'Password:' || fail "the password that it made is not told"
    say "starts without any setting, on a volume of the engine's"
    remove rotator-test

    mkdir -p "$folder/theirs"
    chown 0:0 "$folder/theirs" 2>/dev/null || true
    if run_quietly --cap-drop ALL --volume "$folder/theirs:/app/data" "$image:lightweight"; then
        fail "a folder that cannot be written to was no reason to stop"
    elif ! grep --quiet 'DATABASE_PATH must be in a folder that can be written to.*chown' "$folder/out"; then
        fail "$(<"$folder/out")"
    fi
    say "says whose folder it cannot write to, and what to do"
    remove rotator-test

    if run_quietly --env ADMIN_PASSWORD=your_password "$image:lightweight"; then
        fail "a sample password was taken"
    elif ! grep --quiet 'ADMIN_PASSWORD must be your own' "$folder/out"; then
        fail "$(<"$folder/out")"
    fi
    say "refuses the samples of the README"
    remove rotator-test
}

test_enterprise() {
    inspect_image enterprise 30000000
    # Or the same question to the lightweight one would prove nothing.
    grep --text --quiet --extended-regexp 'registry/src/[^/]*/(redis|mysql_)' "$folder/enterprise" ||
        fail "enterprise has no code of MySQL or Redis that this test would recognise"

    "$engine" run --name rotator-test-mysql --detach "${mysql_alias[@]}" --env MYSQL_RANDOM_ROOT_PASSWORD=yes \
        --env MYSQL_DATABASE=api_key_rotator --env MYSQL_USER=appdb --env MYSQL_PASSWORD=database-password \
        "$mysql_image" >/dev/null
    "$engine" run --name rotator-test-redis --detach "${redis_alias[@]}" "$redis_image" >/dev/null

    # Not waited for: the program waits for its database by itself.
    start enterprise
    until_true 120 curl -sS --fail http://localhost:8000/readyz || fail "enterprise does not find its database"
    until_true 30 logged 'Database Type: mysql' || fail "it does not say what its database is"
    until_true 10 logged 'Cache Type: redis' || fail "it does not say what its cache is"
    runs_without_rights
    add_service
    call_works
    stops_gracefully
    remove rotator-test
    start enterprise
    call_works
    say "keeps its data when the container is made anew"
    remove rotator-test
}

command -v "$engine" >/dev/null || fail "there is no $engine here"
remove rotator-test rotator-test-mysql rotator-test-redis
if [[ $network == host ]]; then
    this_machine=127.0.0.1
    mysql_alias=(--network host) redis_alias=(--network host)
    flags=(--network host --add-host mysql-server:127.0.0.1 --add-host redis-server:127.0.0.1)
else
    "$engine" network create "$network" >/dev/null
    mysql_alias=(--network "$network" --network-alias mysql-server)
    redis_alias=(--network "$network" --network-alias redis-server)
    flags=(--network "$network")
    if "$engine" --version | grep --ignore-case podman >/dev/null; then
        this_machine=host.containers.internal
    else
        this_machine=host.docker.internal
        flags+=(--add-host host.docker.internal:host-gateway)
    fi
fi
start_upstream
for build in "${builds[@]}"; do
    echo "$image:$build"
    "test_$build"
done
echo "test-images: ${builds[*]}: all of it passed"
