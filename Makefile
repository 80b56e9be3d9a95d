# Everything a fresh checkout needs is Python 3.11 or later and `make`.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed

# `python -m`: the scripts in .venv/bin would not survive a moved checkout. -P: the checkout's folders
# (`tests`, `docs`, …) are no modules, though we stand in it.
RUN := $(VENV)/bin/python -P

# Two OpenMP pools that spin on two cores wait for each other: a training step was seen to take 33
# times as long. Has to be set before torch is loaded.
export OMP_WAIT_POLICY := passive
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format experiments bench build pins clean clean-all

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## create .venv and install everything (the others do this by themselves)

demo: $(INSTALLED) ## train, examine and draw a first agent: 5 minutes after the install
	@$(RUN) -m mindsight demo

# Tests that take hours rather than seconds are marked `experiment` and left to `make experiments`.
# Compiled first, each environment once: test processes that start together would all compile the same.
test: $(INSTALLED) ## run every test: 12 minutes on two cores, 16 where all is compiled first
	@$(RUN) -m mindsight compile
	@$(RUN) -m pytest -n 2 --dist worksteal -m "not experiment"

# One thread each; everything goes on where it was stopped.
experiments: $(INSTALLED) ## what the results page reports, and the long tests: a night; goes on where it stopped
	@$(RUN) -m mindsight.benchmarks.experiments --jobs 2
	@$(RUN) -m pytest -n 2 --dist worksteal -m experiment

# mypy names modules after folders, and a checkout may have any name (with dashes, too, which no
# module can have): it is shown the package through a link of the right name.
check: $(INSTALLED) ## linter, formatting, types
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@mkdir -p build/mypy && ln -sfn ../.. build/mypy/mindsight
	@cd build/mypy && "$(CURDIR)/$(VENV)/bin/python" -P -m mypy -p mindsight \
		--config-file ../../pyproject.toml --cache-dir ../../.mypy_cache

format: $(INSTALLED) ## let the formatter and the linter mend what they can
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: $(INSTALLED) ## measure the speed of everything and print it as a table
	@$(RUN) -m mindsight bench

build: $(INSTALLED) ## wheel and source distribution, into dist/
	@rm -rf dist && mkdir -p build
	@echo "Building (half a minute; setuptools is fetched into an environment of its own)."
	@$(RUN) -m build --outdir dist > build/build.log 2>&1 || { cat build/build.log >&2; exit 1; }
	@ls dist/*

pins: ## write constraints.txt anew, from newest releases in an environment of their own
	@rm -rf build/pins && $(PYTHON) -m venv build/pins
	@build/pins/bin/python -m pip install -qq "torch==2.13.0" -e ".[all]"
	@build/pins/bin/python -m pip freeze --all --exclude-editable \
		| grep -v '^pip==' | sed 's/+cpu$$//' > build/pins/versions.txt
	@grep '^#' constraints.txt | cat - build/pins/versions.txt > build/pins/constraints.txt
	@cp build/pins/constraints.txt constraints.txt

clean: ## remove what was built, and all caches (not .venv, not runs/)
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## … and .venv
	@rm -rf $(VENV)

# The stamp holds the folder it was made in: a checkout that was moved is installed anew.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif

$(INSTALLED): pyproject.toml constraints.txt
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "make: no '$(PYTHON)' here; try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: Mindsight needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
		"try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing into $(VENV): 1 to 5 minutes, most of it PyTorch; only this once."
	@$(RUN) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@$(RUN) -m pip install -qq -c constraints.txt -e ".[all]"
	@printf '%s' "$(CURDIR)" > $@
	@echo "Installed."
