# The commands of the house. `make demo` and `make test` each do all set-up on a fresh machine.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SERVERS ?= kafka postgres redis
BENCH ?= latency ingest lake load

.PHONY: help install demo test check up lint format services bench sweep lock clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(INSTALLED): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on PATH; install Python 3.11 or set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(INSTALLED) ## Make .venv with the locked dependencies.

demo: install ## Run the main job on synthetic posts, with no server.
	$(BIN)/alphaads demo

test: install ## Lint, type-check and run every test, real servers included.
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m deploy.servers fetch kafka postgres redis
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

bench: install ## Run the benchmarks; each prints one JSON object.
	@for name in $(BENCH); do $(BIN)/alphaads bench $$name || exit 1; done

sweep: install ## The long sweeps: 25 seeded kills under load, the full-size benchmarks.
	$(BIN)/python -m pytest tests/load -m sweep --timeout 3600
	$(BIN)/alphaads bench lake --full

lock: install ## Pin the dependencies again.
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --generate-hashes --no-emit-index-url --no-strip-extras \
		--python-version 3.11 --custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove the environment and all local state.
	rm -rf $(VENV) .alphaads .alphaads.key .servers
