# `make` says what there is. The work is done by cargo and by scripts/.

SHELL := /bin/bash
ENV := . scripts/env.sh &&
BIN := target/release/ketch

.DEFAULT_GOAL := help
.PHONY: help setup demo check test sim compat bench fuzz release

help: ## show this list
	@sed -nE '$(ABSENT) s/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install what this machine lacks, and say what it was
	@bash scripts/setup.sh

demo: setup release ## start Redis, Sentinels and Ketch here; f kills a primary (ARGS="…")
	@$(BIN) demo $(ARGS)

check: ## the quick look: format, lints, rules of the house
	@$(ENV) cargo fmt --check
	@$(ENV) cargo clippy --locked --all-targets -- -D warnings
	@$(ENV) cargo test --locked --test pure tidy

test: setup ## everything that CI runs
	@bash scripts/test.sh

sim: ## the simulation alone; SEED=… repeats one world
	@$(ENV) KETCH_SEED=$(SEED) cargo test --locked --test pure simulation -- --nocapture

compat: setup ## Redis's own tests and redis-py's, bare and through Ketch (ARGS="--quick")
	@$(ENV) cargo build --locked
	@bash scripts/compat.sh $(ARGS)

ifneq ($(wildcard benches/compare benches/compare.rs),)
bench: setup release ## Ketch beside twemproxy and HAProxy on this machine
	@$(ENV) cargo bench --locked --bench compare $(if $(ARGS),-- $(ARGS))
else
ABSENT += /^bench:/d;
endif

ifneq ($(wildcard fuzz/Cargo.toml),)
fuzz: ## feed the parsers noise; SECONDS=… a target, 60 unless given (installs cargo-fuzz)
	@bash scripts/fuzz.sh $(or $(SECONDS),60)
else
ABSENT += /^fuzz:/d;
endif

release:
	@$(ENV) revision=$$(git rev-parse --short=10 HEAD 2>/dev/null); \
	[ -z "$$revision" ] || export KETCH_REVISION=$$revision; cargo build --release --locked
