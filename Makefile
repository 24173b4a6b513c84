# demo, test, serve, check, bench: what each does is told in README.md.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: demo test serve check bench clean
# Half an environment, left by a full disk or a hiccup of the network, would be taken for a whole one.
.DELETE_ON_ERROR:
# Two installations into one environment at a time spoil it.
.NOTPARALLEL:

demo: $(VENV)/.installed
	$(BIN)/softphone demo

serve: $(VENV)/.installed
	$(BIN)/softphone serve --config config/dev.toml

test: $(VENV)/.installed-test
	tests/peers/install
	$(BIN)/python -m pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/sizes.py

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
