# Everything runs in .venv, made from requirements.lock. CI runs `make check`.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Dozens of processes start in the tests: they compile the code once, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup serve demo test test-faults test-edges test-rest test-clients bench lint check contract soak soak-contract format openapi docs validation lock clean help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(READY) ## make .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Alliance needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

serve: $(READY) ## migrate the embedded database in var/ and serve on 127.0.0.1:$(PORT)
	@$(BIN)/alliance migrate
	@$(BIN)/alliance serve --port $(PORT)

demo: $(READY) ## a realistic caseload on a throw-away database, through the public API (DEMO_EXIT=1: end afterwards)
	@$(BIN)/alliance demo $(if $(DEMO_EXIT),--exit)

# Three parts that take about as long, side by side: two cores stay busy while a part waits for something.
FAULTS := tests/faults tests/privacy tests/bench tests/migrations tests/seeing tests/architecture
EDGES := tests/contract tests/docs tests/clients tests/cli tests/core tests/owasp
PARTS := test-rest test-faults test-edges

test: $(READY) ## every test, on SQLite and on a PostgreSQL that it brings itself
	$(MAKE) --jobs=3 --output-sync=target $(PARTS)

test-faults: $(READY)
	$(BIN)/python -m pytest -p no:cacheprovider $(FAULTS)

test-edges: $(READY)
	$(BIN)/python -m pytest -p no:cacheprovider $(EDGES)

test-rest: $(READY)
	$(BIN)/python -m pytest -p no:cacheprovider $(addprefix --ignore=,$(FAULTS) $(EDGES))

test-clients: $(READY) ## clients generated of the OpenAPI document, TypeScript and Python, against the running service
	$(BIN)/python -m pytest tests/clients

bench: $(READY) ## measure against the floors in bench/, on both databases (BENCH=--quick for a first look)
	@$(BIN)/python -m bench $(BENCH)

contract: $(READY) ## lint the contract and the image: spectral with the OWASP rules, redocly, hadolint
	$(BIN)/python -m tests.contract.lint

soak-contract: $(READY) ## schemathesis for long: 50,000 cases on each database, from a seed of its own (SEED=, EXAMPLES=)
	ALLIANCE_CONTRACT_SEED=$(SEED) ALLIANCE_CONTRACT_EXAMPLES=$(or $(EXAMPLES),2500) \
		$(BIN)/python -m pytest tests/contract/test_schemathesis.py

soak: $(READY) ## kills, faults, races and probes for hours on both databases; goes on where it was cut off (SOAK="--minutes 60")
	@$(BIN)/python -m tests.faults $(SOAK)

lint: $(READY) ## format, lint, types, import contracts and OpenAPI drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python openapi/export.py --check

check: $(READY) ## everything CI runs: lint, and all tests, which lint the contract and the image too
	$(MAKE) --jobs=3 --output-sync=target lint $(PARTS)

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: $(READY) ## write openapi/openapi.json
	$(BIN)/python openapi/export.py

docs: $(READY) ## write docs/instruments.md from the definitions, docs/asvs.md from its rows
	env -u ALLIANCE_INSTRUMENTS_DIR $(BIN)/alliance instruments list --markdown > docs/instruments.md
	$(BIN)/python -m tests.docs.asvs > docs/asvs.md

validation: $(READY) ## run the rules on simulated courses, fail when a gate is missed, and write docs/validation.md
	@$(BIN)/alliance validate stages --report docs
	@$(BIN)/alliance validate signals --report docs

lock: $(READY) ## compile the lock files anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --extra dev --extra validation pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate -c requirements.lock pyproject.toml -o requirements-runtime.lock

clean: ## remove what setup and serve made
	rm -rf $(VENV) var
