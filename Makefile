# On a fresh machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ALL_INSTALL := $(VENV)/.installed

.PHONY: demo test prove check bench bench-evidence lock clean

demo: $(ALL_INSTALL)
	$(BIN)/token-ledger demo $(ARGS)

test: check
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

# What takes too long for every change: many rounds of races, tabs that wake together, crashes, a million events.
prove: $(ALL_INSTALL)
	RACE_ROUNDS=100 TAB_BURSTS=1000 SCHEMATHESIS_CASES=20000 OAUTH_CASES=5000 $(BIN)/pytest -s -m "proof or not proof" tests/api/test_schemathesis.py tests/api/test_oauth_generated.py tests/integration/test_races.py tests/integration/test_end_races.py tests/integration/test_end_under_the_lock.py tests/integration/test_erasure_races.py tests/integration/test_session_limit.py tests/integration/test_tabs.py tests/integration/test_retention.py tests/integration/test_verify.py tests/integration/test_audit_plans.py tests/proofs $(ARGS)

check: $(ALL_INSTALL)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(ALL_INSTALL)
	$(BIN)/python -m benchmarks.refresh $(ARGS)

# A million events: about five minutes.
bench-evidence: $(ALL_INSTALL)
	$(BIN)/python -m benchmarks.evidence $(ARGS)

lock: $(ALL_INSTALL)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --extra embedded --extra dev pyproject.toml -o requirements.lock

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# Every dependency at the version and hash of requirements.lock, then the project itself, editable.
$(ALL_INSTALL): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
