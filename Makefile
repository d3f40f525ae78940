# `make demo` and `make test` work on a fresh machine: they create .venv and install what they need.
PYTHON ?= python3
PATIENTS ?= 96
REAL ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types clean help

help:
	@echo "make demo [PATIENTS=96] [REAL=path]   simulate a cohort, train on it, draw the map: runs/demo/report.html"
	@echo "make test                             install and run the default tests"
	@echo "make lint, make types                 ruff; mypy --strict"

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'cmr-clip needs Python 3.10 or newer; try make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/cmr-clip demo --patients $(PATIENTS) $(if $(REAL),--real "$(REAL)")

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) runs build *.egg-info
