# The commands of this project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/ready
RUN := $(BIN)/python
# How many processes side by side: one more than two cores, since one of them often waits.
JOBS ?= 3
# One pair by its number, for run, lab, execute and test-faults; all of them if not given.
PAIR ?=
# How many mutants, and which.
COUNT ?= 100
SEED ?= 0
# zh: the Chinese notebooks, for lab.
EDITION ?=
# The twin that `make share` copies from.
FROM ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint test-faults test-mutants bench lab execute share site translations fix readme data \
	setup ready install clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

run: ready  ## execute the notebooks into build/, build the site from them, print the results
	$(RUN) -m tools.run $(PAIR)

test: lint  ## ruff, the tests, and every notebook re-executed with every output compared
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder

lint: ready  ## ruff (check and format), codespell, canonical form of the notebooks
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(BIN)/codespell
	$(RUN) -m tools.notebooks check

test-faults: ready  ## mutation testing: plant faults in copies; each must turn something red
	$(RUN) -m tools.plant_faults $(PAIR) --jobs $(JOBS)

test-mutants: ready  ## mutation testing with mutants made up by a program: COUNT=100 SEED=0
	$(RUN) -m tools.mutants $(PAIR) --count $(COUNT) --seed $(SEED) --jobs $(JOBS)

bench: ready  ## time pair 01 against the idiom of 2020, and the ladders of pair 06
	$(RUN) -m tools.bench

lab: ready  ## open JupyterLab; with PAIR=01 its twins side by side, EDITION=zh in Chinese
	$(RUN) -m tools.lab $(PAIR) $(EDITION:%=--%)

execute: ready  ## re-run the notebooks and store their outputs
	$(RUN) -m tools.notebooks execute $(PAIR)

share: ready  ## copy what twins share into the other twin: make share PAIR=01 FROM=pytorch
	$(RUN) -m tools.share "$(PAIR)" "$(FROM)"

site: ready  ## one page a pair, the twins side by side, from the stored notebooks
	$(RUN) -m tools.pages

translations: ready  ## bring new and changed messages into the Chinese catalogues
	$(RUN) -m tools.translations

readme: run  ## run, then bring the README's table and pictures, and the defaults, up to date
	$(RUN) -m tools.readme

fix: ready  ## put code and notebooks into canonical form
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .
	$(RUN) -m tools.notebooks fix

data: ready  ## write data/two_rings.csv anew (the same bytes, since the seed is fixed)
	$(RUN) -m utils.data

setup: ready  ## make .venv with everything in it

# .venv/ready holds the dependencies that are installed: only when they change is more needed.
ready:
	@cat requirements.txt constraints.txt | cmp -s - $(READY) || $(MAKE) --no-print-directory install

install:
	@$(PYTHON) tools/check_python.py
	@echo "setting up $(VENV): the first time this downloads some GB and takes some minutes"
	@if command -v uv > /dev/null; then \
	  (test -x $(RUN) || uv venv --seed -p $(PYTHON) $(VENV)) && uv pip install -p $(RUN) -r requirements.txt; \
	else \
	  (test -x $(RUN) || $(PYTHON) -m venv $(VENV)) && $(RUN) -m pip install --progress-bar on -r requirements.txt; \
	fi
	@cat requirements.txt constraints.txt > $(READY)

clean:  ## remove what the commands made (not .venv)
	rm -rf build data/models .pytest_cache .ruff_cache
