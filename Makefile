# Everything a developer does, and exactly what CI does: .ci/run calls `make test`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
CARGO_DENY := $(TARGET)/tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2

.PHONY: help run build test lint unit e2e gate bench bench-quick fmt clean openapi env-examples tools

help: ## Show what there is
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## Build and start the server on http://localhost:8000, with its data in ./data; nothing has to be set
	exec $(TARGET)/release/api-key-rotator

build: ## Build the program: target/release/api-key-rotator
	cargo build --release --locked --package server-bin

# ---- Tests: everything below runs in CI, in this order, and nothing is skipped. ----

test: tools lint unit e2e gate ## Run everything that must hold: lint, unit, e2e, gate
	@echo "make test: all of it passed"

lint: $(CARGO_DENY) ## Check format, lints, documentation, dependencies, licences and file sizes
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo clippy --workspace --all-targets --all-features --locked -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --all-features --no-deps --document-private-items --locked
	scripts/check-dependencies.sh
	scripts/check-size.sh
	$(CARGO_DENY) --all-features --locked check --hide-inclusion-graph licenses bans sources

unit: ## Run the tests of every crate, the binary's own among them
	cargo test --workspace --locked

e2e: ## Run the pinned SDKs of OpenAI, Anthropic and Google, and the README's tour, against the binary
	cargo build --locked --package server-bin
	API_KEY_ROTATOR_BIN=$(TARGET)/debug/api-key-rotator scripts/conformance.sh

gate: ## Fail if a request costs too many instructions or system calls
	cargo build --release --locked --package server-bin --package bench
	$(TARGET)/release/bench gate

tools: ## Install what the tests need and the machine lacks (Debian, Ubuntu)
	scripts/install-test-tools.sh

$(CARGO_DENY):
	env -u CARGO_TARGET_DIR cargo install --locked --debug --root $(TARGET)/tools --version $(CARGO_DENY_VERSION) cargo-deny

# ---- Measurements ----

bench: ## Measure beside nginx and write docs/BENCHMARKS.md (ten minutes, on an idle machine)
	cargo build --release --locked --package server-bin --package bench
	$(TARGET)/release/bench --report docs/BENCHMARKS.md

bench-quick: ## Measure beside nginx, roughly (two minutes)
	cargo build --release --locked --package server-bin --package bench
	$(TARGET)/release/bench --quick

# ---- Upkeep ----

fmt: ## Format the code
	cargo fmt --all

openapi: ## Write docs/openapi.json from the code
	cargo run --quiet --locked --package server-bin -- openapi > docs/openapi.json

env-examples: ## Write .env.example.en and .env.example.cn from the code
	cargo run --quiet --locked --package server-bin -- env-example --lang en > .env.example.en
	cargo run --quiet --locked --package server-bin -- env-example --lang cn > .env.example.cn

clean: ## Delete what was built; ./data stays
	cargo clean
