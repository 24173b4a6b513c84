# demo, test, serve, check, bench: what each does is told in README.md.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

# Interpreters that `make test-all` looks for: those of the system, and of pyenv.
PYTHONS ?= 3.11 3.12 3.13 3.14

# Processes that share the tests out; one of them has the tests in real time.
JOBS ?= 2
# Each of the servers that the tests start would compile the whole product.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all serve check bench bench-sound clean
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
	$(BIN)/python -m pytest --numprocesses $(JOBS) --no-loadscope-reorder

# The whole suite on each interpreter that is here, in an environment of its own with the newest numpy it takes.
test-all:
	@for version in $(PYTHONS); do \
		for python in python$$version $$HOME/.pyenv/versions/$$version.*/bin/python; do \
			"$$python" -c '' 2>/dev/null || continue; \
			echo "== Python $$version: $$python"; \
			$(MAKE) --no-print-directory test PYTHON="$$python" VENV=.venv-$$version || exit 1; \
			continue 2; \
		done; \
		echo "== Python $$version is not here"; \
	done

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/sizes.py
	$(BIN)/python tests/layers.py

# PARTS, SIZES, ROOMS, ROUGH, PEER, ROUNDS, SECONDS and INBAND change what is measured: docs/performance.md.
bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench $(PARTS)

# How the bridge sounds; its judge is compiled, so this needs a C compiler.
bench-sound: $(VENV)/.installed-test
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[sound]'
	$(BIN)/python -m tests.bench.sound

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# What is imported is compiled then; all that the packages hold would take a third of the installation.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable .
	$(BIN)/softphone compile
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BIN)/softphone compile
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .venv-* build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
