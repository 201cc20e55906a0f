#!/usr/bin/env bash
# Builds or publishes an image: scripts/image.sh build|publish|merge lightweight|enterprise, with Docker or, by
# DOCKER=podman, Podman. `merge` makes one of what was published for each kind of machine by itself, which is quicker than
# to build for another kind.
#
#   IMAGE        its name, "api-key-rotator" unless told; to publish, with the registry: docker.io/you/api-key-rotator
#   PLATFORMS    what to publish for: linux/amd64,linux/arm64 unless told
#   SUFFIX       ends its tags, such as -arm64; for merge: those to merge, such as "-amd64 -arm64"
#   SOURCE       the address of these sources, for the image's label: GitHub's workflows tell it by themselves
#   BUILD_FLAGS  more for the engine, such as: --build-arg RUST_IMAGE=mirror.example.com/rust:1-bookworm
set -euo pipefail
cd "$(dirname "$0")/.."

action=${1:?build, publish or merge?}
build=${2:?lightweight or enterprise?}
engine=${DOCKER:-docker}
image=${IMAGE:-api-key-rotator}
platforms=${PLATFORMS:-linux/amd64,linux/arm64}
read -ra flags <<<"${BUILD_FLAGS:-}"

if ! command -v "$engine" >/dev/null; then
    echo "there is no $engine here: install Docker or Podman, and name the latter with DOCKER=podman" >&2
    exit 1
fi

version=$(scripts/version.sh)
arguments=(
    --file docker/Dockerfile
    --build-arg "FEATURES=$build"
    --build-arg "VERSION=$version"
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    # The commit's own time, not the build's.
    --build-arg "CREATED=$(git log -1 --format=%cI 2>/dev/null || echo 1970-01-01T00:00:00Z)"
    --build-arg "SOURCE=${SOURCE:-${GITHUB_REPOSITORY:+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY}}"
    "${flags[@]}"
)
tags=("$image:$version-$build")
# Without a build in its tag the image that can do everything is meant.
[[ $build != enterprise ]] || tags+=("$image:$version")
# Whoever names no version gets no pre-release from a registry.
if [[ $action == build || $version != *-* ]]; then
    tags+=("$image:$build")
    [[ $build != enterprise ]] || tags+=("$image:latest")
fi
[[ $action == merge ]] || tags=("${tags[@]/%/${SUFFIX:-}}")

is_podman=$("$engine" --version | grep --ignore-case --count podman || true)
# Podman's own format has no health checks.
[[ $is_podman -eq 0 ]] || arguments+=(--format docker)

case $action in
build)
    "$engine" build "${arguments[@]}" "${tags[@]/#/--tag=}" .
    ;;
publish)
    if [[ $image != */* ]]; then
        echo "where to? such as: make publish-$build IMAGE=docker.io/you/api-key-rotator" >&2
        exit 1
    fi
    if [[ $is_podman -eq 0 ]]; then
        "$engine" buildx build --platform "$platforms" --provenance=true --sbom=true --push \
            "${arguments[@]}" "${tags[@]/#/--tag=}" .
    else
        manifest=${tags[0]}
        "$engine" manifest rm "$manifest" 2>/dev/null || true
        "$engine" build --platform "$platforms" --manifest "$manifest" "${arguments[@]}" .
        for tag in "${tags[@]}"; do
            "$engine" manifest push --all "$manifest" "docker://$tag"
        done
    fi
    ;;
merge)
    read -ra suffixes <<<"${SUFFIX:?which tags, such as \"-amd64 -arm64\"?}"
    for tag in "${tags[@]}"; do
        "$engine" buildx imagetools create --tag "$tag" "${suffixes[@]/#/$tag}"
    done
    ;;
*)
    echo "build, publish or merge? not $action" >&2
    exit 1
    ;;
esac
