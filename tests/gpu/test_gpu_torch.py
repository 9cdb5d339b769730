"""torch on CUDA, for the reference networks."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.torch.runtime import Torch
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.verdict.parity import compare
from alexnet_bench.verdict.precision import TOLERANCES
from alexnet_bench.workflows.resolve import resolve


@pytest.mark.parametrize("mode", ["eager", "compiled", "cuda_graph"])
@pytest.mark.parametrize("name", ["lenet-5", "alexnet-2012"])
def test_outputs_are_those_of_the_processor(name: str, mode: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} has no CUDA")
    generator, shape = np.random.default_rng(0), (1, 1, 32, 32) if name == "lenet-5" else (1, 3, 224, 224)
    inputs = [generator.uniform(-1, 1, shape).astype(np.float32) for _ in range(16)]
    outputs = {}
    for device, settings in (("cpu", {}), ("cuda:0", {"device": "cuda:0", "mode": mode})):
        runner = Torch()
        request = LoadRequest("torch", str(resolve(name).path), 2, settings=settings, shapes={"input": shape})
        try:
            runner.activate(request)
        except BackendRefusal as error:
            if "torch.compile does not work here" not in error.message:
                raise
            pytest.skip(error.message)  # for want of a compiler, or of triton
        outputs[device] = [runner.infer({"input": image})[0].copy() for image in inputs]
        runner.deactivate()
    assert compare(outputs["cpu"], outputs["cuda:0"]).error <= TOLERANCES["fp32"]
