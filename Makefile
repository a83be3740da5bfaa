# Everything a newcomer needs, from nothing but Python, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test lint demo acceptance bench clean
.DEFAULT_GOAL := test

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

test: $(VENV)/.installed  ## install all that the tests need, run them
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/.installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: $(VENV)/.installed  ## record a sample suite five times, then serve what came of it; DEMO_SERVE=0 only records
	$(BIN)/python examples/demo/run.py build/demo

clean:
	rm -rf $(VENV) .akastats build/demo
