# `make` lists the targets. A target sets up what it needs in $(VENV), once, and again when its requirement files change.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
RUN := $(BIN)/python -m
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
LOCKED := $(INSTALL) --require-hashes -r

# pyright brings its own node and its own copy of itself; this keeps it from asking whether there is a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: help demo test check lint types imports cover faults simulate bench bench-peers docs mutants fuzz lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
	@echo 'Arguments go in ARGS, as in: make demo ARGS="--seconds 5"'

demo: $(VENV)/.run ## a bot and an exchange, a kill -9 in the middle, and their records compared
	@$(RUN) bowstring demo $(ARGS)

test: $(VENV)/.dev ## the tests
	@$(RUN) pytest $(ARGS)

check: lint types imports complete ## what must pass before a change goes in
	@$(MAKE) --no-print-directory test

lint: $(VENV)/.dev
	$(RUN) ruff format --check
	$(RUN) ruff check

types: $(VENV)/.dev
	$(RUN) mypy
	$(RUN) pyright --pythonpath $(BIN)/python

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

# core/ and the order state machine are covered to the last branch.
COMPLETE := src/bowstring/core/*,src/bowstring/trading/orders.py

# Measuring makes everything take twice as long: for all of it there is `make cover`.
complete: $(VENV)/.dev
	@mkdir -p build/coverage
	@$(RUN) coverage run -m pytest -q tests/core tests/trading/test_orders.py
	@$(RUN) coverage combine --quiet
	$(RUN) coverage report --include='$(COMPLETE)' --fail-under=100

cover: export HYPOTHESIS_PROFILE ?= ci
# Not by pytest-cov, which begins when the plugin of bowstring, and all that it imports, is loaded already.
cover: $(VENV)/.dev ## the tests, with branch coverage
	@mkdir -p build/coverage
	@$(RUN) coverage run -m pytest $(ARGS)
	@$(RUN) coverage combine --quiet
	$(RUN) coverage report
	$(RUN) coverage report --include='$(COMPLETE)' --fail-under=100

faults: $(VENV)/.dev ## what is promised of orders, under fault after fault; ARGS=--short for a moment of each
	@$(RUN) faults $(ARGS)

SEEDS ?= 300

simulate: $(VENV)/.dev ## random lives of a bot on virtual time; SEEDS=2000, ARGS="--seed 7" for one again
	@$(RUN) simulation --seeds $(SEEDS) $(ARGS)

bench: $(VENV)/.bench ## the benchmarks: a table and JSON
	@$(RUN) benchmarks $(ARGS)

PEERS := nautilus basana cryptofeed

bench-peers: $(VENV)/.bench $(PEERS:%=$(VENV)-%/.peer) ## the same, and other frameworks beside it
	@$(RUN) benchmarks $(foreach peer,$(PEERS),--peer $(peer)=$(VENV)-$(peer)/bin/python) $(ARGS)

docs: $(VENV)/.docs ## the documentation, into site/
	@$(RUN) mkdocs build --strict
	@echo 'docs: site/index.html'

mutants: $(VENV)/.mutants ## mutation tests of core/queue.py, in a copy under build/
	@$(BIN)/python tools/mutants.py $(ARGS)

fuzz: $(VENV)/.fuzz ## fuzzing of all that reads bytes from outside
	@$(BIN)/python tools/fuzz.py $(ARGS)

lock: $(VENV)/.lock ## compile the requirement files again; ARGS=--upgrade for newer versions
	@tools/lock $(BIN)/uv $(ARGS)

clean: ## remove everything that was made here
	rm -rf $(VENV) $(VENV)-* build dist site .coverage
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests examples benchmarks faults simulation -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --- environments ----------------------------------------------------------------------------------------------------

# $(call venv,FOLDER): makes it, unless it is there and its Python works.
define venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo 'bowstring needs Python 3.11 or newer, and $(PYTHON) is' \
		"$$($(PYTHON) --version 2>&1 || true); try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
$(1)/bin/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(1) || { \
	echo 'the venv module is missing: on Debian and Ubuntu, apt-get install python3-venv' >&2; exit 1; }
endef

$(VENV)/.run: requirements/run.txt pyproject.toml
	@echo 'setting up $(VENV) from $<'
	@$(call venv,$(VENV))
	@$(LOCKED) $<
	@$(INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev $(VENV)/.docs $(VENV)/.bench $(VENV)/.mutants $(VENV)/.fuzz $(VENV)/.lock: $(VENV)/.%: requirements/%.txt $(VENV)/.run
	@echo 'setting up $(VENV) from $<'
	@$(LOCKED) $<
	@touch $@

$(VENV)-%/.peer: requirements/peers-%.txt
	@echo 'setting up $(VENV)-$* from $<'
	@$(call venv,$(VENV)-$*)
	@$(VENV)-$*/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@
