# Two commands on a fresh machine with Python 3.11+ and make: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_INSTALL := $(VENV)/.installed
ALL_INSTALL := $(VENV)/.installed-dev

.PHONY: demo test check prove bench lock clean

demo: $(RUN_INSTALL)
	$(BIN)/token-ledger demo $(ARGS)

test: check
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: $(ALL_INSTALL)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

prove: $(ALL_INSTALL)
	$(BIN)/pytest tests/prove $(ARGS)

bench: $(ALL_INSTALL)
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(ALL_INSTALL)
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --extra embedded --extra dev pyproject.toml -o requirements.lock

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# Every dependency at the version and hash of requirements.lock, then the project itself, editable.
$(ALL_INSTALL): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

$(RUN_INSTALL): $(ALL_INSTALL)
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
