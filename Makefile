# Targets for developers. They need only Python, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# CI tests the wheel, because users install it. Elsewhere an editable install shows each change immediately.
EDITABLE := $(if $(CI),,--editable)
# With --quiet pip does not print which requirements conflict.
QUIET := $(if $(CI),,--quiet)

.PHONY: test lint thorough faults fuzz demo acceptance bench accuracy clean browser pictures
.DEFAULT_GOAL := test

$(VENV)/.installed: pyproject.toml packaging/pytest-akastats/pyproject.toml packaging/dependencies.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(QUIET) --progress-bar off --disable-pip-version-check $(EDITABLE) '.[dev]'
	touch $@

# By module, so that a fixture of a module is made once and not in each worker.
test: $(VENV)/.installed browser  ## install the requirements of the tests, and run the tests
	$(BIN)/pytest -n 2 --dist loadscope $(ARGS)

thorough: $(VENV)/.installed browser  ## the slow cases that `make test` leaves out; faults and fuzz have their own
	$(BIN)/pytest -m thorough -n 2 --ignore=tests/faults --ignore=tests/api/test_schema.py $(ARGS)

faults: $(VENV)/.installed  ## run all fault cases, and write the table of docs/reliability.md
	mkdir -p build && rm -f build/faults.jsonl
	FAULTS_ROWS=$(CURDIR)/build/faults.jsonl $(BIN)/pytest tests/faults -m "" -n 3 $(ARGS)
	$(BIN)/python -m tests.faults.table build/faults.jsonl docs/reliability.md

fuzz: $(VENV)/.installed  ## test the API with 1,000 generated requests per operation
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-1000} $(BIN)/pytest tests/api/test_schema.py -m thorough -n 2 $(ARGS)

# The tests of the page need Chromium. Without it they fail with a message.
browser:
	@for name in "$$CHROMIUM" chromium-headless-shell chromium chromium-browser google-chrome chrome; do \
		if [ -n "$$name" ] && command -v "$$name" >/dev/null; then exit 0; fi; \
	done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get -qq update && apt-get -qq install -y chromium-headless-shell >/dev/null && exit 0; \
		apt-get -qq install -y chromium >/dev/null && exit 0; \
	fi; \
	echo "*** No Chromium: the tests of the page will fail. Install it, or set CHROMIUM=/path/to/chromium ***" >&2

lint: $(VENV)/.installed  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: $(VENV)/.installed  ## record a sample suite 16 times, and serve the result; DEMO_SERVE=0 only records
	$(BIN)/python examples/demo/run.py build/demo

pictures: $(VENV)/.installed browser  ## take the pictures of the README with the data of the demo
	$(BIN)/python docs/pictures.py build/demo-pictures docs/pictures

acceptance: $(VENV)/.installed  ## compare the outcomes of public projects with and without akastats
	$(BIN)/python benchmarks/acceptance.py $(PROJECTS)

bench: $(VENV)/.installed  ## measure the cost of recording
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pytest-reportlog pytest-json-report
	$(BIN)/python benchmarks/cost.py

accuracy: $(VENV)/.installed  ## measure how often the verdicts are right, on small suites
	$(BIN)/python benchmarks/accuracy/flaky.py --small
	$(BIN)/python benchmarks/accuracy/slower.py --small

clean:
	rm -rf $(VENV) .akastats build/demo
