# `make run` and `make test` set up all they need on a machine with Python >= 3.11 and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test validate calibrate studies lint types layers docs wheel-test bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## the main job: potentiate run aniracetam
	$(BIN)/potentiate run aniracetam $(ARGS)

test: $(VENV)/.test ## all tests but the wheel's; options in ARGS="-k patch"
	@.ci/debian
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

validate: $(VENV)/.run ## score the fast findings and a few slices; fails on a regression against the baseline
	$(BIN)/potentiate validate --fast $(ARGS)

calibrate: $(VENV)/.run ## fit the parameter documents again from the findings declared for calibration
	@set -e; for script in $(wildcard calibration/[!_]*.py); do \
		echo "== $$script"; $(BIN)/python "$$script"; \
	done

studies: $(VENV)/.test ## calibrate the methods of inference themselves: an hour; results in docs/studies
	@set -e; cd calibration/studies; for study in coverage coverage_by_sweeps sbc confusion; do \
		echo "== $$study"; ../../$(BIN)/python $$study.py; \
	done

lint: $(VENV)/.dev ## ruff
	$(BIN)/ruff check $(wildcard src tests calibration benchmarks docs examples)

types: $(VENV)/.dev ## pyright on src
	$(BIN)/pyright

layers: $(VENV)/.dev ## who may import whom (import-linter)
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.docs ## HTML documentation in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

wheel-test: $(VENV)/.dev ## build the wheel, install it in an empty environment, run it there
	$(BIN)/python -m pytest tests/packaging -m packaging $(ARGS)

bench: $(VENV)/.run ## time the engine on this machine
	$(BIN)/python -m benchmarks

clean: ## remove everything that make made
	rm -rf $(VENV) build dist docs/_build .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# ---- set-up: one stamp per job, renewed when the pins or the requirements change

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; choose one with: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

# No wheel of another engine for this Python must not stop the other tests.
$(VENV)/.test: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[test]'
	$(PIP) --editable '.[oracle]' || echo "Some other engines cannot be installed here: oracle tests will skip"
	@touch $@ $(VENV)/.run

$(VENV)/.docs: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[docs]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[test,dev]'
	@touch $@ $(VENV)/.run
