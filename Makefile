# `make help` lists the targets.

PYTHON ?= python3
REFDESK = .venv/bin/refdesk
INSTALL = $(PYTHON) scripts/install

.DEFAULT_GOAL := help
.PHONY: help demo up install develop check lint types imports unit test chaos bench bench-scale format hooks lock audit clean

##@ Run Refdesk
demo: install ## Ingest the handbook and ask questions about it, all on this machine
	@scripts/demo

up: install ## Start database, queue, workers and bot; stop with Ctrl-C
	@$(REFDESK) up

install: ## Create .venv to run Refdesk; does nothing when up to date
	@$(INSTALL) worker embedded evaluate bot

##@ Develop
check: lint types imports unit ## Check style, spelling, types and import contracts; run the unit tests

test: check ## Run check, then the integration, migration and acceptance tests
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

chaos: develop ## Inject faults into real processes while they work, then check the store; CHAOS_SEED, CHAOS_FAULTS
	@.venv/bin/python -m tests.chaos

bench: ## Measure ingestion, recall, reranking, concurrency and start; writes docs/performance.md
	@$(INSTALL) worker embedded int8 evaluate benchmarks
	@.venv/bin/python -m benchmarks.run $(ARGUMENTS)

bench-scale: ## Measure recall in a store that grows to 1,000,000 chunks; takes much longer
	@$(INSTALL) worker embedded int8 evaluate benchmarks
	@.venv/bin/python -m benchmarks.run --only scale $(ARGUMENTS)

format: develop ## Format the code and apply the linter's fixes
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

hooks: develop ## Run the checks before each commit, through pre-commit
	@.venv/bin/pre-commit install

lock: ## Renew the locked versions and hashes in requirements/; ARGUMENTS=--upgrade takes the newest versions
	@$(INSTALL) audit
	@.venv/bin/python scripts/lock $(ARGUMENTS)

audit: ## Look up known vulnerabilities of the locked packages
	@$(INSTALL) audit
	@.venv/bin/python scripts/audit $(ARGUMENTS)

develop: ## Create .venv to run and to test Refdesk
	@$(INSTALL) worker embedded evaluate bot ocr int8 metrics traces dev

##@ Clean up
clean: ## Remove .venv, builds and caches, but no data
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@echo "Refdesk: a reference desk for a community's documents."
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
