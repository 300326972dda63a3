# Thin on purpose: each target is a line or two of a real tool.
# An interpreter built without profile-guided optimisation, as pyenv does unless told, takes a
# quarter more CPU for each request: then rather the system's, where it is new and whole enough.
PYTHON ?= $(shell $(UNOPTIMISED) && $(SYSTEM_WILL_DO) && echo /usr/bin/python3 || echo python3)
UNOPTIMISED = python3 -c 'import sysconfig; exit("--enable-optimizations" in sysconfig.get_config_var("CONFIG_ARGS"))'
SYSTEM_WILL_DO = /usr/bin/python3 -c 'import ensurepip, sys; exit(sys.version_info < (3, 11))' 2>/dev/null
BIN := .venv/bin
# The lock names every package: nothing is left for pip to resolve.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: help env dev up clients test wall lint newcomer bench bench-quick bench-brain soak format protos lock lock-clients clean

# Each client has the environment that it asks for: they disagree about the version of openai.
CLIENTS := agents instructor langchain litellm
VERCEL := tests/clients/vercel
PIN := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

.venv/runtime: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/runtime requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

env: .venv/runtime ## install what running needs into .venv

dev: .venv/dev ## install what testing needs, too

up: env ## start everything on this machine
	@exec $(BIN)/routor up

clients: $(CLIENTS:%=.venv-clients/%/built) $(VERCEL)/node_modules/built ## install the clients that the tests speak through (Node for one of them)

.venv-clients/%/built: tests/clients/%/requirements.lock
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

$(VERCEL)/node_modules/built: $(VERCEL)/package-lock.json
	cd $(VERCEL) && npm ci --silent --ignore-scripts
	@touch $@

test: dev ## run the tests; those of clients that are not installed say so and are skipped
	$(BIN)/pytest

wall: dev ## every fault at every place of a chain, and what came of it: a table (minutes)
	ROUTOR_WALL=whole $(BIN)/pytest -q -s tests/wall

lint: dev ## ruff, mypy, import-linter
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=.:protos $(BIN)/lint-imports

newcomer: dev ## time a fresh clone: `make up` until its first answers
	$(BIN)/python tests/bench/newcomer.py

bench: dev ## measure what Routor costs, next to a direct call and a bare relay (Linux)
	$(BIN)/python tests/bench/gateway.py

bench-quick: dev ## CPU a request only, under a minute (Linux)
	$(BIN)/python tests/bench/gateway.py --quick

soak: dev ## whether memory grows: 1,000 streams held for half an hour; or make soak REQUESTS=1000000 (Linux)
	$(BIN)/python tests/bench/soak.py $(or $(REQUESTS),--streams 1000 --minutes 30)

bench-brain: dev ## print the routing figures (DATA=folder of outcomes)
	$(BIN)/python tests/bench/brain_classify.py $(if $(DATA),--data $(DATA))
	$(BIN)/python tests/bench/brain_judged.py
	$(BIN)/python tests/bench/brain.py $(DATA)

format: dev ## rewrite the code in the project's format
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

protos: dev ## generate Python from the protos
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python protos/generate.py

lock: ## pin every dependency again, for Linux and macOS (needs uv)
	$(PIN) --extra local pyproject.toml -o requirements.lock
	$(PIN) --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

lock-clients: ## pin every client again (needs uv and npm)
	for client in $(CLIENTS); do $(PIN) tests/clients/$$client/requirements.in -o tests/clients/$$client/requirements.lock || exit; done
	cd $(VERCEL) && npm install --package-lock-only --ignore-scripts && node names-and-hashes.mjs

clean: ## remove the environment and all caches
	rm -rf .venv .venv-clients $(VERCEL)/node_modules .mypy_cache .pytest_cache .ruff_cache
