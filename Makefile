# make demo   install, make houses, run NavGPT and a trained policy in them beside the floor and the ceiling, print the table
#             and where runs are
# make test   install what the tests need, run them all
PYTHON ?= python3
NAVAGENT_DATA ?= ../shared/data
export NAVAGENT_DATA
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test check benchmark format clean

# The demo needs no data but the houses that it makes.
demo: NAVAGENT_DATA := runs/houses
demo: .venv/installed-demo
	@echo "Making 20 houses; the first time compiles the renderer (about half a minute) ..."
	$(BIN)/navagent houses make runs/houses --train 0 --val_seen 0
	$(BIN)/navagent eval --env HouseNavGraph --policy Random --runs-dir runs/demo --name random
	$(BIN)/navagent eval --config configs/houses_navgpt.yaml --runs-dir runs/demo --name navgpt
	$(BIN)/navagent eval --env HouseNavGraph --policy ShortestPath --runs-dir runs/demo --name oracle
	@if $(BIN)/python -c 'import transformers' 2>/dev/null; then set -x; \
		$(BIN)/navagent eval --config configs/houses_follower.yaml --runs-dir runs/demo --name trained; \
	else echo "The trained policy needs transformers, which needs Python 3.11: left out."; fi
	$(BIN)/navagent table $$(for run in random navgpt trained oracle; do [ ! -d runs/demo/$$run ] || echo runs/demo/$$run; done)

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

# torch comes first and with this exact pin: any other spelling brings gigabytes of CUDA on Linux.
.venv/installed-demo: .venv/installed-core
	@echo "Installing what the trained policy needs: PyTorch, transformers (a minute or two) ..."
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[vision]"
	@touch $@

.venv/installed-test: .venv/installed-core
	@echo "Installing what the tests need: PyTorch, Ray, transformers (some minutes) ..."
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[test,train,vision]"
	@touch $@

.venv/installed-dev: .venv/installed-test
	$(PIP) --editable ".[test,train,vision,dev]"
	@touch $@
