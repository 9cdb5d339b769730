# Needs nothing but Python from 3.11 with pip, and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
GPU_VENV ?= $(VENV)-gpu
TENSORRT_VENV ?= $(VENV)-tensorrt
INSTALL := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PIP := $(BIN)/python $(INSTALL)

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

# On a card, onnxruntime-gpu stands in place of onnxruntime: an environment of its own. A second one has TensorRT, whose
# package fetches its libraries from NVIDIA's index. GPU_CHECK="--quick" and the like go to both.
gpu-check: $(GPU_VENV)/.installed tensorrt-venv  ## on a machine with an NVIDIA GPU: its tests and benchmark; writes profiles/runs/gpu-check*.json
	@status=0; \
	$(GPU_VENV)/bin/python -m tests.gpu $(GPU_CHECK) || status=$$?; \
	if test -e $(TENSORRT_VENV)/.installed; then \
		$(TENSORRT_VENV)/bin/python -m tests.gpu --out profiles/runs/gpu-check-tensorrt.json \
			--only 'tensorrt and not tensorrt-rtx' --no-benchmark $(GPU_CHECK) || status=$$?; \
	fi; \
	exit $$status

# A line with a call of make runs under make -n, too: this one has nothing else.
.PHONY: tensorrt-venv
tensorrt-venv: | gpu-driver
	@$(MAKE) --silent $(TENSORRT_VENV)/.installed 2>/dev/null || true

.PHONY: gpu-driver
gpu-driver:
	@PYTHONPATH=toolkit $(PYTHON) -c 'import sys; from alexnet_bench.backends.device.driver import no_driver as why; \
		sys.exit(why() and "nothing ran, and nothing was installed: " + why())'

contract-check: $(VENV)/.test  ## fetch the bindings of TensorRT and TensorRT-RTX, and hold the code against their API
	$(BIN)/python -m tests.contract $(VENV)/contract

pycuda-check: $(VENV)/.test  ## build PyCUDA with CUDA's headers alone, and run it on a simulated driver; needs g++
	$(BIN)/python -m tests.pycuda $(VENV)/pycuda

clean:  ## remove the environment and the caches of this folder
	rm -rf $(VENV) $(GPU_VENV) $(TENSORRT_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

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

$(GPU_VENV)/.installed: pyproject.toml constraints.txt | gpu-driver
	$(PYTHON) -m venv $(GPU_VENV)
	$(GPU_VENV)/bin/python $(INSTALL) --editable '.[gpu,rtx,train,dev]' 'onnxruntime-gpu[cuda,cudnn]'
	@touch $@

$(TENSORRT_VENV)/.installed: pyproject.toml constraints.txt | gpu-driver
	@mkdir -p $(TENSORRT_VENV)
	@rm -f $@
	@{ $(PYTHON) -m venv $(TENSORRT_VENV) && \
		$(TENSORRT_VENV)/bin/python $(INSTALL) --editable '.[gpu,ort-tensorrt,dev]' 'onnxruntime-gpu[cuda,cudnn]'; \
		} >$(TENSORRT_VENV)/pip.log 2>&1 || \
		{ echo "left out: TensorRT, which pip cannot install here ($(TENSORRT_VENV)/pip.log says why)"; exit 1; }
	@touch $@
