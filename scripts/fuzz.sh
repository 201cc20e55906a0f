#!/usr/bin/env bash
# Fuzzes the readers and translators of crates/llm-formats: scripts/fuzz.sh SECONDS [TARGET…], every target unless told.
# What it finds is left in target/fuzz. It takes the stable toolchain and a C++ compiler: without `unsafe` there is
# nothing for a sanitizer to see, so that only the coverage is recorded.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?how many seconds for each target?}
shift
targets=("$@")
((${#targets[@]})) || targets=(request answer stream sse json)

folder=$PWD/target/fuzz
fixtures=crates/llm-formats/tests/fixtures
formats=(openai_chat openai_responses anthropic gemini)

# put TARGET BYTES FILE: keeps the bytes and the file after them as an input of the target.
put() {
    local inputs=$folder/seeds/$1
    mkdir -p "$inputs"
    { printf '%b' "$2" && cat "$3"; } >"$inputs/$(md5sum <<<"$2 $3" | cut -c1-16)"
}

# Every story, for every pair of formats: the byte's low bits are the client's format, the next the API's.
put_seeds() {
    local story client api pair
    rm -rf "$folder/seeds"
    for story in "$fixtures"/*/; do
        for client in 0 1 2 3; do
            [[ ! -f $story/${formats[client]}/request.json ]] || put json '' "$story/${formats[client]}/request.json"
            put sse '\x07' "$story/${formats[client]}/stream.sse"
            for api in 0 1 2 3; do
                ((client != api)) || continue
                pair=$(printf '\\x%02x' $((client | api << 2)))
                [[ ! -f $story/${formats[client]}/request.json ]] ||
                    put request "$pair" "$story/${formats[client]}/request.json"
                put answer "$pair" "$story/${formats[api]}/response.json"
                put stream "$pair\\x07" "$story/${formats[api]}/stream.sse"
            done
        done
    done
}

# Coverage as libFuzzer wants it.
flags=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1
)
# A target named aloud keeps the flags from build scripts, which do not link the fuzzer.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR=$folder/build cargo build --quiet --release --locked \
    --target "$host" --manifest-path crates/llm-formats/fuzz/Cargo.toml

put_seeds
for target in "${targets[@]}"; do
    inputs=$folder/inputs/$target
    mkdir -p "$inputs"
    echo "fuzzing $target for $seconds s"
    "$folder/build/$host/release/$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="$folder/$target-" -verbosity=0 -print_final_stats=1 "$inputs" "$folder/seeds/$target" \
        2>"$folder/$target.log" || { tail -n 40 "$folder/$target.log" >&2 && exit 1; }
    grep -E 'number_of_executed_units|peak_rss' "$folder/$target.log"
done
