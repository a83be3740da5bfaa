# Everything a newcomer needs, from nothing but Python, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# CI tests what is shipped: the wheel. At a desk an edit is to be seen at once.
EDITABLE := $(if $(CI),,--editable)
# With --quiet pip does not print which requirements conflict.
QUIET := $(if $(CI),,--quiet)

.PHONY: test lint faults fuzz demo acceptance bench accuracy clean browser pictures
.DEFAULT_GOAL := test

$(VENV)/.installed: pyproject.toml packaging/pytest-akastats/pyproject.toml packaging/dependencies.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(QUIET) --progress-bar off --disable-pip-version-check $(EDITABLE) '.[dev]'
	touch $@

test: $(VENV)/.installed browser  ## install all that the tests need, run them
	$(BIN)/pytest -n 2 $(ARGS)

faults: $(VENV)/.installed  ## every fault that can be provoked here; writes the table of docs/reliability.md
	mkdir -p build && rm -f build/faults.jsonl
	FAULTS_ROWS=$(CURDIR)/build/faults.jsonl $(BIN)/pytest tests/faults -m "" -n 2 $(ARGS)
	$(BIN)/python -m tests.faults.table build/faults.jsonl docs/reliability.md

fuzz: $(VENV)/.installed  ## the API, asked a thousand times an operation in ways nobody would think of
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-1000} $(BIN)/pytest tests/api/test_schema.py -m thorough -n 2 $(ARGS)

# Debian's Chromium drives the page's tests. Where it is neither there nor can be installed, they say so and fail.
browser:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome chrome; do \
		if [ -n "$$name" ] && command -v "$$name" >/dev/null; then exit 0; fi; \
	done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get -qq update && apt-get -qq install -y chromium >/dev/null && exit 0; \
	fi; \
	echo "*** No Chromium: the tests of the page will fail. Install it, or set CHROMIUM=/path/to/chromium ***" >&2

lint: $(VENV)/.installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: $(VENV)/.installed  ## record a sample suite sixteen times, then serve what came of it; DEMO_SERVE=0 only records
	$(BIN)/python examples/demo/run.py build/demo

pictures: $(VENV)/.installed browser  ## the README's pictures, of the demo's data
	$(BIN)/python docs/pictures.py build/demo-pictures docs/pictures

acceptance: $(VENV)/.installed  ## suites that nobody here wrote, bare and recorded: the same?
	$(BIN)/python benchmarks/acceptance.py $(PROJECTS)

bench: $(VENV)/.installed  ## what recording costs, and what the library stores in a second
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pytest-reportlog pytest-json-report
	$(BIN)/python benchmarks/cost.py

accuracy: $(VENV)/.installed  ## how often the verdicts are right, in the small form
	$(BIN)/python benchmarks/accuracy/flaky.py --small
	$(BIN)/python benchmarks/accuracy/slower.py --small

clean:
	rm -rf $(VENV) .akastats build/demo
