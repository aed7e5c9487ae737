# make demo   install what the main job needs, run it, print the score table and where the run is
# make test   install what the tests need, run them all
PYTHON ?= python3
NAVAGENT_DATA ?= ../shared/data
export NAVAGENT_DATA
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test check benchmark format clean

demo: .venv/installed-core
	$(BIN)/navagent eval --config configs/r2r_navgpt.yaml --name demo

test: .venv/installed-test
	$(BIN)/python -m pytest --numprocesses 2

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

benchmark: .venv/installed-test
	$(BIN)/python -m tests.benchmarks.all

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else "navagent runs on Python 3.10 to 3.13, and $(PYTHON) is %d.%d: try `make PYTHON=python3.12 ...`" % v)'
	$(PYTHON) -m venv .venv

.venv/installed-core: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing navagent into .venv (about a minute) ..."
	$(PIP) --editable .
	@touch $@

.venv/installed-test: .venv/installed-core
	@echo "Installing what the tests need ..."
	$(PIP) --editable ".[test]"
	@touch $@

.venv/installed-dev: .venv/installed-test
	$(PIP) --editable ".[test,dev]"
	@touch $@
