SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PY := $(BIN)/python
SETUP := packaging/scripts/setup.sh
SCREEN := packaging/scripts/with_screen.sh
DEMO ?=
PERF ?=
TRAIN ?=
SEED ?= 7

.PHONY: help setup setup-run demo test lint format model clip screenshots conformance conformance-setup perf slow soak fuzz bundle clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything for development: system libraries, .venv, Python packages
	@$(SETUP) dev

setup-run:
	@$(SETUP) run

demo: setup-run ## Run a session: in a window where there is a display, else headless on the bundled clip
	@$(PY) -m tmlapp demo $(DEMO)

conformance-setup:
	@packaging/scripts/conformance.sh

conformance: setup conformance-setup ## The adapters against programs that others wrote for their protocols
	@TMLAPP_CONFORMANCE_REQUIRED=1 $(SCREEN) $(PY) -m pytest -q tests/conformance

test: setup lint conformance-setup ## Lint, types, import contracts, all tests but the slow ones, coverage
	@echo "==> Tests (without the slow ones)"
	@mkdir -p out
	@TMLAPP_CONFORMANCE_REQUIRED=1 $(SCREEN) $(PY) -m pytest -q -m "not slow" -n auto --maxprocesses 4 --dist loadfile --cov --cov-report=json:out/coverage.json
	@$(PY) packaging/scripts/check_coverage.py out/coverage.json

lint: setup ## ruff, mypy and the import contracts
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy"
	@$(BIN)/mypy
	@echo "==> import contracts"
	@$(BIN)/lint-imports --no-logo
	@echo "==> files"
	@git ls-files -z | xargs -0 $(PY) packaging/scripts/check_files.py

format: setup ## Let ruff put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

model: ## Train models/tiny anew from a seed (SEED=7)
	@$(SETUP) train
	@$(PY) -m models.tiny.train --seed $(SEED) $(TRAIN)

clip: setup ## Draw the bundled demo clip anew
	@$(PY) assets/demo/make_clip.py

screenshots: setup ## Draw the window at two sizes in both schemes, into docs/images
	@$(SCREEN) $(PY) -m tests.screenshots

perf: setup ## Measure the figures, one JSON line each (PERF="--quick NAME…")
	@$(SCREEN) $(PY) -m tests.perf $(PERF)

slow: setup ## Every slow test: long runs, fuzzing, full disks
	@$(SCREEN) $(PY) -m pytest -m slow --timeout=3600

soak: setup ## The slow tests that run for long
	@$(SCREEN) $(PY) -m pytest -m slow -k soak --timeout=3600

fuzz: setup ## The slow tests that feed in damaged input
	@$(SCREEN) $(PY) -m pytest -m slow -k fuzz --timeout=3600

bundle: setup ## Build a folder that runs without Python installed (dist/tmlapp)
	@$(PY) -m pip install --quiet --disable-pip-version-check "pyinstaller>=6.22"
	@$(PY) -m PyInstaller --noconfirm --log-level WARN --distpath dist --workpath build packaging/tmlapp.spec

clean: ## Remove what was built or measured (not .venv, not recordings)
	@rm -rf build dist out htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
