# The manual: `make help`. Needs python3 (3.11 or newer, with venv), make and git; the rest installs itself.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

# The demo and the tests start many processes: let them share compiled modules.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-tools check bench chaos soak lock clean

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/run.stamp ## make .venv and install what running needs

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "xroad_lite needs Python 3.11 or newer: found $$($(PYTHON) --version 2>&1)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "python3 has no venv here. To repair: apt install python3-venv"; exit 2; }

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what xroad_lite needs into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "installing what the tests need into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

demo: setup ## a day of four institutions; ARGS="--messages 500", ARGS="--input FILE --json"
	@$(BIN)/xroad-lite demo $(ARGS)

test: $(VENV)/dev.stamp test-tools ## install what the tests need, RabbitMQ too, and pass them; ARGS=--long: all of them
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

test-tools:
	@./tests/install-tools

check: $(VENV)/dev.stamp ## format, lint, types, and which room imports which
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/dev.stamp
	@echo "installing the peers to measure beside into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(VENV)/bench.stamp test-tools ## measure speed as ratios within one run
	@$(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/dev.stamp test-tools ## the long fault tests on real brokers, seeded by XROAD_LITE_CHAOS_SEED
	@XROAD_LITE_CHAOS=1 $(BIN)/python -m pytest -o timeout=900 tests/faults tests/transports tests/node/test_checkpointing_faults.py tests/adapters/test_sql_killed.py tests/adapters/test_files_killed.py tests/cli/test_demo.py tests/evidence/test_tampering.py $(ARGS)

soak: $(VENV)/dev.stamp ## 20,000 pairs of schemas, 500 worlds of meaning searched for a counterexample
	@XROAD_LITE_SOAK_PAIRS=20000 $(BIN)/python -m pytest tests/schema/evolution/test_soundness.py tests/schema/evolution/test_avro_soundness.py $(ARGS)
	@XROAD_LITE_SOAK_WORLDS=500 $(BIN)/python -m pytest -o timeout=1800 tests/semantics/test_oracle.py tests/semantics/test_foreign_files.py $(ARGS)
	@XROAD_LITE_SOAK_HTTP=100 $(BIN)/python -m pytest -o timeout=1800 tests/gateway/test_openapi.py tests/gateway/test_govstack_document.py $(ARGS)

lock: ## lock the requirement files again, with hashes, without any index's address
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/python -m pip install --quiet pip-tools
	@cd requirements && for name in run dev bench; do \
	  CUSTOM_COMPILE_COMMAND="make lock" ../$(VENV)/lock/bin/pip-compile --quiet --strip-extras \
	    --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-trusted-host \
	    --no-emit-find-links --output-file $$name.txt $$name.in; done

clean: ## remove .venv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
