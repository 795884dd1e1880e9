# make demo: install, and train a spiking network on real digits.
# make test: install, check style and types, run the tests.
# make test-all: the same with every combination of devices, encoders, timings and wirings.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNS := runs/demo
# As many processes test as there are cores: threads of BLAS in each would wait for one another.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

.PHONY: demo test test-all test-fast lint clean help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	@rm -rf $(RUNS)
	$(BIN)/apical run spiking_dfa --dataset digits --hidden 200 --epochs 30 --seed 0,1,2 --out $(RUNS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(PYTEST) --dist worksteal --durations 25

test-all: lint
	$(PYTEST) --dist worksteal --durations 10 -m ""

test-fast: lint
	$(PYTEST) -m "not slow and not thorough"

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
