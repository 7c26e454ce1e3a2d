# make verify: the main job. make test: the tests. Both do all the set-up (Python >= 3.11 and make are enough).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM ?=
SECONDS ?= 15
SEED ?=
REPORTS ?= reports/generated
ARGS ?=

# What a system on a server or of a library needs: make verify SYSTEM='redis?persistence=everysec' installs refold[redis].
server := $(filter postgres redis nats umadb eventsourcing,$(firstword $(subst ?, ,$(SYSTEM))))
systems := $(if $(SYSTEM),--system '$(SYSTEM)',--system reference --system sqlite)

.PHONY: verify test lint types wheel docs bench mutants clean

verify: $(VENV)/.ready $(if $(server),$(VENV)/.ready-$(server))
	$(BIN)/refold verify $(systems) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --report-dir $(REPORTS)

test: $(VENV)/.ready
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	.ci/lint-scripts

types: $(VENV)/.ready
	$(BIN)/mypy

wheel: $(VENV)/.ready
	$(BIN)/python benchmarks/wheel_check.py

# The documentation as a site that needs no network. Open the index.html that it names.
docs: $(VENV)/.ready $(VENV)/.ready-docs
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'open reports/generated/site/index.html'

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/steps.py

# Mutation testing. MUTANTS and SEED choose the sample; what is interrupted goes on where it was.
MUTANTS ?= 200
mutants: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,mutants]'
	$(BIN)/python benchmarks/mutants.py --mutants $(MUTANTS) $(if $(SEED),--seed $(SEED))

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "refold needs Python 3.11 or newer; name it with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.ready-%: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info reports/generated .refold .mypy_cache .pytest_cache .ruff_cache .hypothesis
