# `make test` is all a contributor needs: it sets itself up in .venv and runs every check.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= 3

.PHONY: test demo lint types unit venv clean

test: lint types unit

# The bot in a world of stand-ins; ONCE=1 ends it after the restore, PORT= fixes the page's port.
demo: $(STAMP)
	@$(BIN)/tsbot demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# Tests on Docker are left out where no engine answers; the summary says how to get them.
unit: $(STAMP)
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

venv: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
