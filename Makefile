# Everything a developer does, and exactly what CI does: .ci/run calls `make test`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
CARGO_DENY := $(TARGET)/tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
PANEL_SOURCES := $(shell find web -name node_modules -prune -o -name dist -prune -o -name test-results -prune -o -type f -print)
# A machine without a Node that can build it takes the panel that is in web/dist, or none: the server then says how to have it.
HAS_NODE := $(shell scripts/has-node.sh && echo yes)
PANEL := $(if $(HAS_NODE),web/dist/index.html)

# What the program is built with: lightweight, or enterprise for MySQL and Redis too.
FEATURES ?= lightweight
# What builds images: docker or podman.
export DOCKER ?= docker

.PHONY: help info run build build-lightweight build-enterprise build-all dev panel test lint unit fuzz e2e test-agents gate \
  test-images test-lightweight test-enterprise test-deploy publish-lightweight publish-enterprise publish-all dist \
  bench bench-sharing bench-quick screenshots many-keys fmt clean openapi env-examples config-reference tools

help: ## Show what there is
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## Build and start the server on http://localhost:8000, with its data in ./data; nothing has to be set
	exec $(TARGET)/release/api-key-rotator

build: $(PANEL) ## Build the program with its panel, target/release/api-key-rotator; FEATURES=enterprise for MySQL and Redis too
	@$(if $(PANEL),,echo "no Node 20.19, or 22.12 or later, here: the panel is not built anew" >&2)
	cargo build --release --locked --package server-bin --features $(FEATURES)

panel: web/dist/index.html ## Build the panel: web/dist

dev: web/node_modules/.installed ## Start the server, and a panel that follows every change: http://localhost:5173
	cargo build --locked --package server-bin
	$(TARGET)/debug/api-key-rotator & trap "kill $$! 2>/dev/null || true" EXIT; npm --prefix web run dev

web/node_modules/.installed: web/package-lock.json
	npm ci --prefix web --silent --no-audit --no-fund
	touch $@

web/dist/index.html: web/node_modules/.installed $(PANEL_SOURCES)
	npm --prefix web run build --silent

# ---- Images: api-key-rotator:lightweight and api-key-rotator:enterprise, with Docker or, by DOCKER=podman, Podman. ----

info: help ## Show what there is, and what images would be built with
	@echo; echo "  version $$(scripts/version.sh), images by $(DOCKER):" \
	  "$$($(DOCKER) --version 2>/dev/null || echo 'not here; DOCKER=podman takes Podman')"

build-lightweight: ## Build the image api-key-rotator:lightweight, for SQLite and memory
	scripts/image.sh build lightweight

build-enterprise: ## Build the image api-key-rotator:enterprise, for MySQL and Redis too
	scripts/image.sh build enterprise

build-all: build-lightweight build-enterprise ## Build both images

publish-lightweight: ## Build the image for amd64 and arm64 and push it: IMAGE=docker.io/you/api-key-rotator
	scripts/image.sh publish lightweight

publish-enterprise: ## The same with the enterprise image
	scripts/image.sh publish enterprise

publish-all: publish-lightweight publish-enterprise ## The same with both

test-lightweight: build-lightweight ## Run the lightweight image as the README does
	scripts/test-images.sh lightweight

test-enterprise: build-enterprise ## Run the enterprise image as the README does, with MySQL and Redis
	scripts/test-images.sh enterprise

test-images: ## Build both images and run them as the README does; without Docker and Podman it says so
	@if command -v $(DOCKER) >/dev/null && $(DOCKER) info >/dev/null 2>&1; then \
	  $(MAKE) --no-print-directory test-lightweight test-enterprise; \
	else \
	  echo "make test-images: no $(DOCKER) that runs here, so no image was built or run; DOCKER=podman takes Podman"; \
	fi

# ---- Releases ----

dist: $(PANEL) ## Build archives of the program for this machine's kind, with checksums and an SBOM: target/dist
	scripts/dist.sh

# ---- Tests: what `test` names runs in CI, in this order, and nothing is skipped. ----

test: tools panel lint unit fuzz e2e gate ## Run everything that must hold: lint, unit, fuzz, e2e, gate
	@echo "make test: all of it passed"

lint: $(CARGO_DENY) web/node_modules/.installed ## Check format, lints, documentation, dependencies, licences and file sizes
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo clippy --workspace --all-targets --all-features --locked -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --all-features --no-deps --document-private-items --locked
	scripts/check-dependencies.sh
	scripts/check-size.sh
	npm --prefix web run lint --silent
	$(CARGO_DENY) --all-features --locked check --hide-inclusion-graph licenses bans sources

unit: web/node_modules/.installed ## Run the tests of every crate, the binary's own among them, and of the panel
	scripts/with-servers.sh cargo test --workspace --locked
	scripts/with-servers.sh cargo test --package server-bin --features enterprise --locked --test enterprise --test redis
	npm --prefix web run unit --silent

fuzz: ## Fuzz the readers and translators of LLM formats for ten seconds each
	scripts/fuzz.sh 10

e2e: panel ## Run pinned SDKs (OpenAI's, Anthropic's, Google's, LangChain, ai), the README's tour and a browser against the binary
	cargo build --locked --package server-bin
	API_KEY_ROTATOR_BIN=$(TARGET)/debug/api-key-rotator scripts/conformance.sh
	API_KEY_ROTATOR_BIN=$(abspath $(TARGET))/debug/api-key-rotator npm --prefix web run e2e --silent

test-agents: ## Run pinned coding agents against the binary: Codex CLI, Gemini CLI, Claude Code (a gigabyte from npm)
	cargo build --locked --package server-bin
	API_KEY_ROTATOR_BIN=$(TARGET)/debug/api-key-rotator scripts/agents.sh

test-deploy: ## Check deploy/, compose files and workflows with tools of their own (helm, promtool, …; some from registries)
	scripts/test-deploy.sh

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

bench-sharing: ## Measure what turns from Redis cost, in the enterprise build (two minutes, on an idle machine)
	cargo build --release --locked --package server-bin --package bench --features server-bin/enterprise
	$(TARGET)/release/bench --scenarios sharing

bench-quick: ## Measure beside nginx, roughly (two minutes)
	cargo build --release --locked --package server-bin --package bench
	$(TARGET)/release/bench --quick

many-keys: panel ## Measure the panel with 100 000 keys of one service
	cargo build --release --locked --package server-bin
	API_KEY_ROTATOR_BIN=$(abspath $(TARGET))/release/api-key-rotator npm --prefix web run screens --silent -- many-keys

# ---- Upkeep ----

screenshots: panel ## Take docs/images anew: every page of the panel, in both themes and languages (needs pngquant, and a font with Chinese)
	cargo build --locked --package server-bin
	API_KEY_ROTATOR_BIN=$(abspath $(TARGET))/debug/api-key-rotator SCREENSHOTS=$(abspath $(TARGET))/screenshots npm --prefix web run screens --silent -- pages
	scripts/keep-screenshots.sh $(TARGET)/screenshots


fmt: ## Format the code
	cargo fmt --all

openapi: web/node_modules/.installed ## Write docs/openapi.json from the code, and the panel's types from that
	cargo run --quiet --locked --package server-bin -- openapi > docs/openapi.json
	npm --prefix web run api --silent

env-examples: ## Write .env.example.en and .env.example.cn from the code
	cargo run --quiet --locked --package server-bin -- env-example --lang en > .env.example.en
	cargo run --quiet --locked --package server-bin -- env-example --lang cn > .env.example.cn

config-reference: ## Write docs/CONFIGURATION.md and docs/CONFIGURATION_CN.md from the code
	cargo run --quiet --locked --package server-bin -- config-reference --lang en > docs/CONFIGURATION.md
	cargo run --quiet --locked --package server-bin -- config-reference --lang cn > docs/CONFIGURATION_CN.md

clean: ## Delete what was built; ./data stays
	cargo clean
	rm -rf web/dist
