# Needs nothing but Python from 3.11 with pip, and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# About half of the time of all tests: commands, examples, mutants, and the runtimes.
OUTSIDE := tests/cli tests/contract tests/examples tests/fuzz tests/gpu tests/unit/attribution tests/unit/backends tests/unit/network

.PHONY: help profile test test-outside test-inside lint bench gpu-check contract-check pycuda-check clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

profile: $(VENV)/.cpu  ## install into .venv and profile AlexNet
	$(BIN)/alexnet-bench profile

test: test-outside test-inside  ## install what the tests need and run them all; with -j2 in two halves at once

test-outside: $(VENV)/.test
	$(BIN)/python -m pytest $(OUTSIDE)

test-inside: $(VENV)/.test
	$(BIN)/python -m pytest $(OUTSIDE:%=--ignore=%)

lint: $(VENV)/.test  ## ruff, mypy strict and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench  ## measure ours against its peers; prints one table and writes profiles/runs/bench.json
	$(BIN)/python -m benchmarks

gpu-check: $(VENV)/.test  ## on a machine with an NVIDIA GPU: its tests; writes profiles/runs/gpu-check.json
	$(BIN)/python -m tests.gpu

contract-check: $(VENV)/.test  ## fetch the bindings of TensorRT and TensorRT-RTX, and hold the code against their API
	$(BIN)/python -m tests.contract $(VENV)/contract

pycuda-check: $(VENV)/.test  ## build PyCUDA with CUDA's headers alone, and run it on a simulated driver; needs g++
	$(BIN)/python -m tests.pycuda $(VENV)/pycuda

clean:  ## remove the environment and the caches of this folder
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.cpu: $(VENV)/.created pyproject.toml constraints.txt
	$(PIP) --editable '.[cpu]'
	@touch $@

$(VENV)/.test: $(VENV)/.cpu
	$(PIP) --editable '.[cpu,openvino,train,dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.cpu
	$(PIP) --editable '.[cpu,openvino,bench,train]'
	@touch $@
