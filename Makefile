# Everything a person does with this checkout. `make help` lists the targets.
# Nothing is written outside the checkout and PETITIONS_HOME.

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-stack lint docs format setup up lock env clean
.DELETE_ON_ERROR:

PYTHON3 ?= python3
PETITIONS_HOME ?= $(CURDIR)/.petitions
FROM ?= 2023-01-01
TO ?= 2023-12-31
PORT ?= 8080

# Not by abspath, which takes a path with a blank for two.
override PETITIONS_HOME := $(if $(filter /%,$(PETITIONS_HOME)),,$(CURDIR)/)$(or $(PETITIONS_HOME),.petitions)
export PETITIONS_HOME
export AIRFLOW_HOME := $(PETITIONS_HOME)/airflow
UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_CACHE_DIR
export UV_NO_PROGRESS := 1
export GX_ANALYTICS_ENABLED := False
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
unexport PYTHONHOME
unexport VIRTUAL_ENV

# Relative, for a checkout may lie in a folder with a blank in its name.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# What `make bench` measures beside us lives in an environment of its own.
BENCH := .cache/bench/venv
SIZES ?= 10000,100000
PARTS ?= load,night,questions,extract,backfill,airflow
ENGINES ?= duckdb,postgres
BACKFILL ?= 30

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## the nightly job over the demo year (FROM, TO), on stand-in platforms, then the report
	@$(BIN)/python -m platforms exec --home "$(PETITIONS_HOME)" -- $(BIN)/python scripts/nightly.py --from $(FROM) --to $(TO)

# A worker for each core; one that is done takes over tests that still wait at another. ARGS="-n 0" runs them in this process.
PYTEST := PETITIONS_HOME= $(BIN)/python -m pytest --numprocesses=logical --dist=worksteal

test: $(READY) ## all tests but the slow ones
	@$(PYTEST) $(ARGS)

test-all: $(READY) ## all tests
	@$(PYTEST) -m "slow or not slow" $(ARGS)

test-stack: $(READY) ## the services of docker-compose.yml as processes: a night through two workers, one of them killed; needs redis-server
	@$(PYTEST) --numprocesses=0 -m slow tests/stack $(ARGS)

bench: $(READY) $(BENCH)/.ready ## measure beside the alternatives and write docs/benchmarks.md (SIZES=10000,100000 PARTS=load,night,… ENGINES=duckdb,postgres)
	@$(BIN)/python -m bench run --sizes "$(SIZES)" --parts "$(PARTS)" --engines "$(ENGINES)" --backfill "$(BACKFILL)"
	@$(BIN)/python -m bench write

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@AIRFLOW_HOME="$(CURDIR)/.cache/test-airflow" $(BIN)/mypy

docs: $(READY) ## write docs/metrics.md anew from the definitions of the metrics
	@$(BIN)/python -m petitions.dictionary > docs/metrics.md

format: $(READY) ## let ruff put the layout right
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

setup: $(READY) ## virtual environment with the locked requirements

up: $(READY) ## Airflow with its web page and scheduler on http://localhost:8080 (PORT), the reports in its menu
	@$(BIN)/python -m platforms exec --home "$(PETITIONS_HOME)" -- $(BIN)/python scripts/up.py --port $(PORT)

lock: $(READY) ## write the locks anew after a change of requirements*.txt
	@for part in requirements requirements-dev requirements-bench; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
			--custom-compile-command "make lock" $$part.txt --output-file $$part.lock; \
	done

env: ## .env for docker-compose.yml, with passwords made at random
	@$(PYTHON3) scripts/compose_env.py .env

clean: ## remove the virtual environment and all caches; PETITIONS_HOME stays
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv comes from the lock too: its lines are cut out and given to pip, which checks the hash.
$(READY): requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, found %s: make PYTHON3=/path/to/python3.11" % sys.version.split()[0])'
	@echo "Setting up .venv: the first time takes a minute or two" >&2
	@test -x $(BIN)/python || $(PYTHON3) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null
	@awk '/^uv==/ { on = 1 } on && !/^(uv==| +--hash)/ { exit } on' requirements-dev.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --requirement $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(BENCH)/.ready: $(READY) requirements-bench.lock
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)
	@$(BIN)/uv pip sync --quiet --python $(BENCH)/bin/python --require-hashes requirements-bench.lock
	@touch $@
