# Every target first makes the checkout ready (scripts/setup.sh), then does its work. ARGS='...' goes to the command behind
# it, PYTHON=... chooses the interpreter.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
# Debian keeps haproxy in /usr/sbin, which is not on every user's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

PY := .venv/bin/python
# The pure layers are covered in every line and branch by the tests of parts (tests/support/trace.py says which do not
# count); a part of the suite (ARGS) need not reach that.
PURE := model policy decide plan review
GATE := $(if $(ARGS),,$(PURE:%=--cov=autoscaler/%) --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100)

.PHONY: help setup browser demo test check format lint types imports policies docs bench chaos package requirements clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## make .venv/ and find or install HAProxy
	@bash scripts/setup.sh

browser: ## find or install Chromium, too (CHROMIUM=... names another): tests open the simulation's report in it
	@bash scripts/setup.sh browser

demo: setup ## the whole product on this machine, with embedded components (ARGS=--json)
	@$(PY) -m autoscaler demo $(ARGS)

test: browser ## the whole test suite, and full coverage of the pure layers (ARGS='-k haproxy': a part of it)
	@$(PY) -m pytest -n auto --dist worksteal $(GATE) $(ARGS)

check: format lint types imports policies docs ## everything that needs no run of the product; use -k to see all findings

format: setup
	@$(PY) -m ruff format --check .

lint: setup
	@$(PY) -m ruff check .

types: setup
	@$(PY) -m mypy

imports: setup
	@.venv/bin/lint-imports --no-cache

policies: setup
	@$(PY) -m autoscaler validate --strict policies policies/traces
	@$(PY) -m autoscaler validate --strict autoscaler/demo/policies
	@$(PY) -m autoscaler test policies

docs: setup
	@$(PY) -m pytest -q tests/docs

bench: setup ## a table of figures, and bench.json
	@$(PY) -m benchmarks $(ARGS)

chaos: setup ## the long fault and soak suite; `make test` runs its short form
	@$(PY) -m pytest -m chaos $(ARGS)

package: setup ## wheel and sdist in dist/, proved in a new environment outside the checkout
	@bash scripts/package.sh

requirements: setup ## pin and hash anew what pyproject.toml asks for (ARGS=--upgrade: the newest)
	@bash scripts/requirements.sh $(ARGS)

clean: ## remove everything that the targets above made
	@rm -rf .venv dist build bench.json .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
