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
JOBS ?= 2
# One pair by its number, for run, execute and test-faults; all of them if not given.
PAIR ?=
# The twin that `make share` copies from.
FROM ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint test-faults bench lab execute share site fix readme data setup clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

run: $(READY)  ## execute the notebooks into build/ (HTML pages) and print the results
	$(RUN) -m tools.run $(PAIR)

test: lint  ## ruff, the tests, and every notebook re-executed with every output compared
	$(RUN) -m pytest -n $(JOBS) --dist loadscope

lint: $(READY)  ## ruff (check and format), codespell, canonical form of the notebooks
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(BIN)/codespell
	$(RUN) -m tools.notebooks check

test-faults: $(READY)  ## mutation testing: plant faults in copies; each must turn something red
	$(RUN) -m tools.plant_faults $(PAIR) --jobs $(JOBS)

bench: $(READY)  ## time pair 01 against the idiom of 2020, and the ladders of pair 06
	$(RUN) -m tools.bench

lab: $(READY)  ## open JupyterLab in notebooks/
	cd notebooks && ../$(BIN)/jupyter lab

execute: $(READY)  ## re-run the notebooks and store their outputs
	$(RUN) -m tools.notebooks execute $(if $(PAIR),$(wildcard notebooks/$(PAIR)_*.ipynb))

share: $(READY)  ## copy what twins share into the other twin: make share PAIR=01 FROM=pytorch
	$(RUN) -m tools.share "$(PAIR)" "$(FROM)"

site: $(READY)  ## one page a pair, the twins side by side, from the stored notebooks
	$(RUN) -m tools.pages

readme: run  ## run, then bring the README's table and pictures, and the defaults, up to date
	$(RUN) -m tools.readme

fix: $(READY)  ## put code and notebooks into canonical form
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .
	$(RUN) -m tools.notebooks fix

data: $(READY)  ## write data/two_rings.csv anew (the same bytes, since the seed is fixed)
	$(RUN) -m utils.data

setup: $(READY)  ## make .venv with everything in it

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) tools/check_python.py
	@echo "setting up $(VENV): the first time this downloads some GB and takes some minutes"
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --progress-bar on -r requirements.txt
	@touch $(READY)

clean:  ## remove what the commands made (not .venv)
	rm -rf build data/models .pytest_cache .ruff_cache
