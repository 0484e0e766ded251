# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_NUM_THREADS ?= 1

.PHONY: demo test check style types contract docs bench clean

demo: $(VENV)/.core  ## desensitize a small real album and print where the report is
	$(BIN)/polyveil demo

test: $(VENV)/.test  ## run the tests; those that need data packs say so when they skip
	$(BIN)/python -m pytest -n 2 tests

# Tests come first: what only the checks install must not hide what the tests lack.
check: test style types contract docs  ## tests, style, types, import contract, generated docs

style: $(VENV)/.check
	$(BIN)/ruff check src tests training benchmarks docs examples
	$(BIN)/ruff format --check src tests training benchmarks docs examples

types: $(VENV)/.check
	$(BIN)/mypy

contract: $(VENV)/.check
	$(BIN)/lint-imports

docs: $(VENV)/.check
	$(BIN)/python docs/generate_commands.py --check

bench: .venv-bench/.ready  ## the peers and attackers that benchmarks need, apart from the package
	@echo "Run one claim: .venv-bench/bin/python benchmarks/<claim>.py"

$(VENV)/.venv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.core: $(VENV)/.venv pyproject.toml
	$(BIN)/pip install -q -e .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	$(BIN)/pip install -q -e ".[train,parquet,encrypt,export,sentiment]" --group test
	@touch $@

$(VENV)/.check: $(VENV)/.test
	$(BIN)/pip install -q --group check
	@touch $@

.venv-bench/.ready: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -q --upgrade "pip>=25.1"
	.venv-bench/bin/pip install -q -e ".[parquet,train,encrypt,export,sentiment]" -r benchmarks/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-bench build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
