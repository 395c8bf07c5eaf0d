# Two commands do everything from a clean checkout:
#   make demo   installs Raceway into .venv and takes a STEP file to a rendered picture
#   make test   installs it with the development tools and runs ruff, mypy and all tests
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	$(BIN)/raceway demo $(DEMO_ARGS)

test: $(VENV)/.test lint
	$(BIN)/python -m pytest $(TEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp is newer than what it was installed from, so a second run installs nothing.
$(VENV)/.demo: $(BIN)/python setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[service,cad,blender]'
	touch $@

$(VENV)/.test: $(BIN)/python setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[service,cad,blender,desktop,dev]'
	touch $@
