"""A reference network in torch, with the weights of an ONNX file: `python -m benchmarks.peers.torch_network ...`.

compiled NAME WEIGHTS INPUTS THREADS WARM_UP_S SECONDS    times torch.compile; prints seconds of each run as JSON
export NAME WEIGHTS BATCH FILE                            writes it as torch's own exporter does
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from pathlib import Path

import torch

from alexnet_bench.network import architectures
from alexnet_bench.network.shapes import place
from alexnet_bench.network.torch_module import build_module
from alexnet_bench.network.weights import load_weights
from benchmarks.peers.loop import read_feeds, time_runs


def main() -> None:
    """Does what the command line says."""
    warnings.simplefilter("ignore")
    what, name, weights, *rest = sys.argv[1:]
    network = architectures.get(name)
    module = build_module(network, load_weights(Path(weights), network))
    if what == "compiled":
        print(json.dumps(_time_compiled(module, *rest)))
    else:
        shape = place(network)[0].input_shape
        _export(module, shape, *rest)


def _time_compiled(module: torch.nn.Module, inputs: str, threads: str, warm_up_s: str, seconds: str) -> list[float]:
    torch.set_num_threads(int(threads))
    (image,) = (torch.from_numpy(array) for array in read_feeds(Path(inputs)).values())
    compiled = torch.compile(module)
    with torch.inference_mode():
        compiled(image)  # compiles
        return time_runs(lambda: compiled(image), warm_up_s=float(warm_up_s), seconds=float(seconds))


def _export(module: torch.nn.Module, shape: tuple[int, ...], batch: str, file: str) -> None:
    """By torch.export, for the batch given, with the names of inputs and outputs that our own export has."""
    image = torch.zeros(int(batch), *shape)
    with contextlib.redirect_stdout(sys.stderr):
        torch.onnx.export(
            module, (image,), file, dynamo=True, input_names=["input"], output_names=["logits"], verbose=False
        )


if __name__ == "__main__":
    main()
