# make demo: install, and train a spiking network on real digits.
# make test: install, check style and types, run all fast tests: one of each kind on each device.
# make docs: the documentation site, in docs/_build/html; warnings are errors.
# make test-docs: builds the site, and looks at every page of it in Chromium.
# make test-all: the same with every combination of devices, encoders, timings and wirings, what
#   compiles, trains or kills processes, programs for GPUs in an environment of Python 3.12, where
#   there is one, and the devices again on every other version of Brian2 that an interpreter here
#   can have.
# make same-bits BASE=COMMIT: whether thirty runs give the same bits as at another commit.
# make test-cuda: programs for NVIDIA GPUs, in an environment of their own; needs no GPU.
# make test-genn: device genn, and Brian2 2.5.4, in an environment of their own; what runs needs
#   GENN_PATH, the folder of GeNN's source.
# make gpu: all that is to be run on a graphics card, in at most eight minutes, with a PYTHON that has
#   PyTorch; writes benchmarks/results/gpu.json, and puts it into the pages.
# make fuzz: 100,000 damaged files and texts for every reader and parser; minutes.
# make bench: benchmarks that need no other program; names what is slower than the last time on this
#   machine by more than 10 %.
# make mutants: 200 small changes of rules, feedback, neurons, measures and exports, of which tests
#   should notice 90 % or more; some 15 minutes of one core. What became of each is in mutants.csv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNS := runs/demo
# Runs at the same time: one for each processor.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# As many processes test as there are cores: threads of BLAS in each would wait for one another.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

# Brian2 2.9 wants Python 3.11, Brian2CUDA 3.12, Brian2 2.11 3.13: each has an environment.
FOUND = $(firstword $(foreach p,python$(1) $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python),\
	$(if $(shell $(p) -c "import ensurepip, venv" 2>&1 || echo no),,$(p))))
OTHERS = $(foreach v,3.11 3.12 3.13,$(if $(call FOUND,$(v)),$(v)))
CUDA := $(wildcard tests/devices/test_cuda*.py)
DEVICES := $(CUDA) tests/devices/test_devices.py tests/devices/test_rate_devices.py
BARE := pytest pytest-xdist hypothesis
SOURCES := $(shell find src tests models -type f -not -name '*.pyc')
BESIDE = OPENBLAS_NUM_THREADS=1 .venv-$(1)/bin/python -m pytest -n auto --dist worksteal -p no:logging
SAID := $(VENV)/.generated
# What `make test-docs` looks at with one site, and `make test-rest` would build another for.
SITE := tests/project/test_site.py tests/project/test_browser.py

.PHONY: demo test test-fast test-rest test-all test-cuda test-genn gpu bench generation mutants fuzz same-bits lint docs test-docs clean help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	@rm -rf $(RUNS)
	$(BIN)/apical run spiking_dfa --dataset digits --hidden 200 --epochs 30 --seed 0,1,2 \
		--jobs $(JOBS) --out $(RUNS)

docs: $(STAMP)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --jobs auto --quiet docs docs/_build/html
	@echo "Open docs/_build/html/index.html in a browser."

# The site as it is built is what these tests look at; without Chromium, one file is skipped.
test-docs: docs
	APICAL_SITE=docs/_build/html $(BIN)/python -m pytest -m slow $(SITE)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint test-fast

test-fast: $(STAMP)
	$(PYTEST) --dist worksteal --durations 25 -m "not slow and not thorough"

# With UNTIL, a number of seconds since 1970, no test begins after it; TURN says with which part of
# the tests to begin, so that all of them have their turn in the course of some days.
# Programs for GPUs first, so that what came of them stands in the summary of the others.
test-rest: $(STAMP)
	@rm -f $(SAID); $(MAKE) --no-print-directory generation; failed=$$?; \
	APICAL_SAYS="$$(cat $(SAID) 2>&1)" APICAL_TESTS_UNTIL="$(UNTIL)" APICAL_TESTS_TURN="$(TURN)" \
	$(PYTEST) --dist worksteal --durations 25 -m "slow or thorough" \
		$(addprefix --ignore ,$(SITE)) && exit $$failed

generation: $(STAMP)
ifeq ($(call FOUND,3.12),)
	@echo "Programs for GPUs: not generated, since there is no Python 3.12 here." | tee $(SAID)
else
	@echo "Programs for GPUs: no environment of Python 3.12 could be made." > $(SAID)
	@$(MAKE) --no-print-directory .venv-3.12/.installed
	@echo "Programs for GPUs: their tests FAILED, see above." > $(SAID)
	$(call BESIDE,3.12) -m "not slow and not thorough" \
		-W ignore::SyntaxWarning $(CUDA) > $(SAID).log 2>&1; \
	failed=$$?; cat $(SAID).log; test $$failed = 0
	@echo "Programs for GPUs, generated on Python 3.12: $$(tail -n 1 $(SAID).log)" > $(SAID)
endif

test-all: test test-docs test-rest
	@$(foreach v,$(OTHERS),$(MAKE) --no-print-directory .venv-$(v)/.tested &&) true
	@$(if $(call FOUND,3.11),$(MAKE) --no-print-directory test-genn)

test-cuda:
	@rm -f .venv-3.12/.tested
	$(MAKE) --no-print-directory .venv-3.12/.tested DEVICES="$(CUDA)"

test-genn: .venv-genn/.installed
	$(call BESIDE,genn) -m "" -rs tests/devices/test_genn.py tests/devices/test_devices.py tests/devices/test_rate_devices.py

.venv-genn/.installed: pyproject.toml
	@test -n "$(call FOUND,3.11)" || { echo "No python3.11 here; install it and try again." >&2; exit 2; }
	$(call FOUND,3.11) -m venv .venv-genn
	.venv-genn/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--editable '.[genn]' $(BARE)
	touch $@

.PRECIOUS: .venv-%/.installed
# Nothing is compiled to byte code but what is imported: half the time.
.venv-%/.installed: pyproject.toml
	@test -n "$(call FOUND,$*)" || { echo "No python$* here; install it and try again." >&2; exit 2; }
	$(call FOUND,$*) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--editable '.$(if $(filter 3.12,$*),[cuda])' $(BARE)
	touch $@

# The devices in the environment of another interpreter; without xdist's -n they run one by one.
.venv-%/.tested: .venv-%/.installed $(SOURCES)
	.venv-$*/bin/python -c "import brian2, sys; print('Brian2', brian2.__version__, 'on Python', sys.version.split()[0])"
	$(call BESIDE,$*) -m "" -rs $(DEVICES)
	touch $@

# The bits of thirty runs, here and at another commit: make same-bits BASE=COMMIT
same-bits: $(STAMP)
	@test -n "$(BASE)" || { echo "Say what to compare with: make same-bits BASE=COMMIT" >&2; exit 2; }
	rm -rf $(VENV)/base && git worktree prune && git worktree add --quiet --detach $(VENV)/base $(BASE)
	PYTHONPATH=$(VENV)/base/src $(BIN)/python tests/same_bits.py run > $(VENV)/before.json
	git worktree remove --force $(VENV)/base
	PYTHONPATH=src $(BIN)/python tests/same_bits.py run > $(VENV)/after.json
	$(BIN)/python tests/same_bits.py compare $(VENV)/before.json $(VENV)/after.json

# In no environment of its own: PyTorch for CUDA is large, and is there where a card is.
gpu:
	$(PYTHON) benchmarks/gpu.py; failed=$$?; test $$failed = 2 || $(PYTHON) benchmarks/gpu_pages.py; exit $$failed

fuzz: $(STAMP)
	$(BIN)/python tests/fuzzing.py --inputs 100000 --seed 0

bench: $(STAMP)
	$(BIN)/python benchmarks/suites.py

mutants: $(STAMP)
	$(BIN)/python tests/mutation.py --sample 200 --seed 0 --out mutants.csv

clean:
	rm -rf docs/_build $(VENV) .venv-3.* .venv-genn runs .pytest_cache .mypy_cache .ruff_cache
