# Works with Python 3.11 or newer and make alone: the first target that needs it makes .venv and installs into it.

VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TEST_PROCESSES ?= auto
# Compiled files are kept, whatever the environment says: each process of a world and of a test would compile anew.
unexport PYTHONDONTWRITEBYTECODE
FIND_PYTHON := for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && exit; done; \
	echo "packet-journey needs Python 3.11 or newer; say where: make PYTHON=/path/to/python3.11" >&2; exit 1

FUZZ_INPUTS ?= 100000

.PHONY: help run test soak fuzz lint format docs pictures dashboards bench wheel clean
.DEFAULT_GOAL := help

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## bring the world up, tell the first journey, send requests for ten seconds
	@$(BIN)/journey up --tour

test: $(INSTALLED) ## all tests
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal

soak: fuzz ## fuzz, and at length what tests do in brief: crashes by the hundred, a minute with BIRD, all pages' commands
	@JOURNEY_SOAK=1 JOURNEY_SEEDS=10-179 JOURNEY_BIRD_SECONDS=60 $(BIN)/python -m pytest -n 3 \
		-k 'outlives or survives or killed_at_any_call or long_file or load_generator or shipped_scenario' \
		tests/interop/test_bird.py tests/interop/test_real_clients.py tests/interop/test_shell.py \
		tests/journeys/test_cluster_crashes.py tests/elements/test_alb_controller_kills.py \
		tests/orchestrator/scenarios/test_shipped.py
	@$(BIN)/python -m pytest -n 2 tests/told/soak.py

fuzz: $(INSTALLED) ## every parser against FUZZ_INPUTS mutated inputs, and as many of each flood
	@$(BIN)/python -m tests.fuzz --inputs $(FUZZ_INPUTS)

lint: $(INSTALLED) ## style, types, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(INSTALLED) ## put all files into the common style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

pictures: $(INSTALLED) ## take the pictures of the live page anew, with Chromium and pngquant
	@$(BIN)/python docs/pictures.py

docs: $(INSTALLED) ## write the pages and schemas in docs/ that are made from the code
	@$(BIN)/python docs/generate.py

dashboards: $(INSTALLED) ## write dashboards/json anew from dashboards/pages
	@$(BIN)/python -m dashboards build

bench: $(INSTALLED) ## the figures of this machine, each beside its reference
	@$(BIN)/journey bench

wheel: $(INSTALLED) ## the package, into dist/
	@rm -rf build && $(BIN)/python -m build --wheel && rm -rf build

clean: ## remove everything that was made here
	@rm -rf $(VENV) build dist runs *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@python=$$($(FIND_PYTHON)) && echo "Setting up $(VENV) with $$("$$python" --version) (once)" && \
		"$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m compileall -q actors orchestrator || true # half of the time of every start, if it is not kept
	@touch $@
