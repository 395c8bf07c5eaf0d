# Two commands do everything from a clean checkout:
#   make demo   installs Raceway into .venv and takes a STEP file to a rendered picture
#   make test   installs it with the development tools and runs ruff, mypy and all tests
# Python 3.11, also where only `python3` is its name.
PYTHON ?= $(shell command -v python3.11 || \
	(python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && command -v python3) || \
	echo python3.11)
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=
# Side by side, a file at a time, since tests of a file share what they start. One after the other: TEST_ARGS=-n0
SIDE_BY_SIDE := --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	$(BIN)/raceway demo $(DEMO_ARGS)

# Python compiles what runs when it first runs, also where the environment forbids it; pip would compile everything.
demo test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.test lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(TEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .hypothesis
	find . -name .git -prune -o -type d \( -name __pycache__ -o -name '.*_cache' \) -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp is newer than what it was installed from, so a second run installs nothing.
$(VENV)/.demo: $(BIN)/python setup.cfg constraints.txt shared/__init__.py
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[service,cad,blender]'
	touch $@

$(VENV)/.test: $(BIN)/python setup.cfg constraints.txt shared/__init__.py
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[service,cad,blender,desktop,dev]'
	touch $@
