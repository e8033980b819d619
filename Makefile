# One target per thing a person does here; `make help` lists them.

PYTHON ?= python3
REFDESK = .venv/bin/refdesk
INSTALL = $(PYTHON) scripts/install
SOURCES = bot cli config db evaluation migrations pipeline tasks tests benchmarks scripts/install

.DEFAULT_GOAL := help
.PHONY: help demo up install develop check lint types imports unit test format hooks clean

##@ Use it
demo: install ## Ingest the handbook and answer three questions, on this machine alone
	@scripts/demo

up: install ## Start the database, the queue, the workers and the bot; Ctrl-C stops all
	@$(REFDESK) up

install: ## Make .venv with everything that runs (instant when nothing changed)
	@$(INSTALL) worker embedded evaluate bot

##@ Work on it
check: lint types imports unit ## Check style, spelling, types and import contracts; run the unit tests

test: check ## Check, then integration, migration and acceptance tests on real servers
	@.venv/bin/python -m pytest --numprocesses=3 --dist=loadfile tests/integration tests/migrations tests/acceptance

lint: develop
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/codespell

types: develop
	@.venv/bin/mypy

imports: develop
	@.venv/bin/lint-imports

unit: develop
	@.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=8 tests/unit

format: develop ## Format the code and apply the fixes that the linter knows
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

hooks: develop ## Run the checks before each commit, through pre-commit
	@.venv/bin/pre-commit install

develop: ## Make .venv with everything that runs and everything that checks
	@$(INSTALL) worker embedded evaluate bot dev

##@ Tidy up
clean: ## Remove .venv, builds and caches; the data folder stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@echo "Refdesk: a reference desk for a community's documents."
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
