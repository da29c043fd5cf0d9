# Every command sets up what it needs; a second run starts at once. Only Python 3.11+, Java 17+ and Maven
# have to be there. RENDEZVOUS_LOCAL_* variables reach what is started: see `make up`.

BIN := .venv/bin
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
CODE := $(wildcard libs services cli tests tools bench examples)
FAST := tests/unit tests/property tests/contract
LOCKED := uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml)
SETUP := .venv/.setup
BENCH_SETUP := .venv/.setup-bench

# A process that may not keep what it compiled compiles a thousand modules at each start: twice the time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test check bench protos docs format
# A recipe that fails leaves no half-written target that looks done.
.DELETE_ON_ERROR:

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP) ## install everything, to .venv; gives .venv/bin/rendezvous

demo: $(SETUP) ## show the main job: 1,599 real wines, three models, a kill and a roll-out
	$(BIN)/python -m examples.wine.demo

up: $(SETUP) ## run Kafka and all services here until Ctrl-C (RENDEZVOUS_LOCAL_KAFKA_PORT, _GATEWAY_PORT, ...)
	$(BIN)/rendezvous up

down: $(SETUP) ## end what `make up` runs
	$(BIN)/rendezvous down

test: $(SETUP) ## run every test (TESTS="tests/e2e ...": only these)
	$(BIN)/pytest --durations=20 $(TESTS)

check: $(SETUP) ## format, lint, types and the fast tests; changes nothing
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/pytest -q $(FAST)

bench: $(BENCH_SETUP) ## measure, beside the references, and write build/bench.json
	$(BIN)/python tools/compile_services.py build/compiled
	$(BIN)/python -m bench

protos: $(SETUP) ## generate the Python of proto/ again
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/generate_protos.py

docs: $(SETUP) ## build the documentation, without the network, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

format: $(SETUP) ## format the code and mend what lint can mend
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)

$(SETUP): $(LOCKED) | $(UV)
	$(UV) sync --all-packages --frozen
	touch $@

$(BENCH_SETUP): $(SETUP) | $(UV)
	$(UV) sync --all-packages --extra bench --frozen
	touch $@

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/pip install --quiet 'uv>=0.9'
