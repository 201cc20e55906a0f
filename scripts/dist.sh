#!/usr/bin/env bash
# Builds both programs for this machine's kind and packs them into target/dist: an archive each, an SBOM (CycloneDX) each
# and one of the panel that is in both, and SHA256SUMS of it all. They need the C library of the machine they are built
# on, or a newer one; the archive's VERSION says which. Build on the oldest system that is to be served: releases are built on Debian 12.
set -euo pipefail
cd "$(dirname "$0")/.."

sbom_version=0.5.9
target=${CARGO_TARGET_DIR:-target}
version=$(scripts/version.sh)
host=$(rustc -vV | sed -n 's/^host: //p')
dist=$target/dist
# When and in which folder an archive is built leaves no trace in it: times are those of the commit, and the paths that
# panics tell begin in Cargo's folder or in this one.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$cargo_home=cargo --remap-path-prefix=$PWD=."
export SOURCE_DATE_EPOCH RUSTFLAGS

if [[ ! -f web/dist/index.html ]]; then
    echo "web/dist/index.html is missing, and the programs would be without their panel; \`make panel\` builds it" >&2
    exit 1
fi
if ! command -v npm >/dev/null; then
    echo "there is no npm here, which tells for its SBOM what the panel is made of" >&2
    exit 1
fi

cyclonedx=$target/tools/bin/cargo-cyclonedx
if [[ ! -x $cyclonedx ]]; then
    env -u CARGO_TARGET_DIR cargo install --locked --debug --root "$target/tools" --version "$sbom_version" cargo-cyclonedx
fi

# sbom BUILD NAME: what the program is made of.
sbom() {
    local made=crates/server-bin/$2.cdx.json
    "$cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --manifest-path crates/server-bin/Cargo.toml \
        --no-default-features --features "$1" --no-build-deps --target "$host" --override-filename "$2.cdx"
    mv "$made" "$dist/"
    # The other crates of the workspace get theirs beside them; they are in this one.
    find crates bench -name "$2.cdx.json" -delete
}

# glibc FILE: the newest version of the C library that it asks for.
glibc() { grep --text --only-matching 'GLIBC_2\.[0-9]*' "$1" | sort --version-sort --unique | tail -n 1; }

# pack BUILD: program, documentation and what starts it.
pack() {
    local name=api-key-rotator-$version-$1-$host
    local folder=$dist/$name
    cargo build --release --locked --package server-bin --features "$1"
    mkdir -p "$folder/completions"
    if grep --text --quiet --fixed-strings "$cargo_home/" "$target/release/api-key-rotator"; then
        echo "the program has paths of $cargo_home in it" >&2
        exit 1
    fi
    install "$target/release/api-key-rotator" "$folder/"
    cp LICENSE README.md README_CN.md CHANGELOG.md .env.example.en .env.example.cn "$folder/"
    cp deploy/systemd/api-key-rotator.service "$folder/"
    for shell in bash zsh fish; do
        "$folder/api-key-rotator" completions "$shell" >"$folder/completions/api-key-rotator.$shell"
    done
    "$folder/api-key-rotator" man >"$folder/api-key-rotator.1"
    echo "$("$folder/api-key-rotator" --version), for $host, $(glibc "$folder/api-key-rotator") or later" >"$folder/VERSION"
    sbom "$1" "$name"
    tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --directory "$dist" "$name" |
        gzip --no-name --best >"$dist/$name.tar.gz"
    cat "$folder/VERSION"
    rm -rf "$folder"
}

rm -rf "$dist"
mkdir -p "$dist"
for build in ${BUILDS:-lightweight enterprise}; do
    pack "$build"
done
scripts/panel-sbom.sh >"$dist/api-key-rotator-$version-panel-$host.cdx.json"
(cd "$dist" && sha256sum -- *.tar.gz *.cdx.json >SHA256SUMS && sha256sum --check --quiet SHA256SUMS)
ls -l "$dist"
