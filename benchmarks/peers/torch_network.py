"""A reference network in torch, with the weights of an ONNX file: `python -m benchmarks.peers.torch_network ...`.

timed NAME WEIGHTS MODE DEVICE PRECISION INPUTS THREADS WARM_UP_S SECONDS    prints seconds of each run as JSON
export NAME WEIGHTS BATCH FILE                            writes it as torch's own exporter does

MODE is eager, compiled, or cuda_graph. Input and output stay on the device, and a run ends when the device is done.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from alexnet_bench.network import architectures
from alexnet_bench.network.shapes import place
from alexnet_bench.network.torch_module import build_module
from alexnet_bench.network.weights import load_weights
from benchmarks.peers.loop import read_feeds, time_runs
from benchmarks.peers.torch_types import allow_tf32, dtype_of, waiting

_RUNS_BEFORE_CAPTURE = 3


def main() -> None:
    """Does what the command line says."""
    warnings.simplefilter("ignore")
    what, name, weights, *rest = sys.argv[1:]
    network = architectures.get(name)
    module = build_module(network, load_weights(Path(weights), network))
    if what == "timed":
        print(json.dumps(_timed(module, *rest)))
    else:
        shape = place(network)[0].input_shape
        _export(module, shape, *rest)


def _timed(
    module: torch.nn.Module,
    mode: str,
    device: str,
    precision: str,
    inputs: str,
    threads: str,
    warm_up_s: str,
    seconds: str,
) -> list[float]:
    torch.set_num_threads(int(threads))
    allow_tf32(precision)
    (image,) = (torch.from_numpy(array) for array in read_feeds(Path(inputs)).values())
    image, module = image.to(device, dtype_of(precision)), module.to(device, dtype_of(precision))
    with torch.inference_mode():
        forward = waiting(_forward(module, mode, image), device)
        forward()  # compiles
        return time_runs(forward, warm_up_s=float(warm_up_s), seconds=float(seconds))


def _forward(module: torch.nn.Module, mode: str, image: torch.Tensor) -> Callable[[], object]:
    if mode == "cuda_graph":
        return _captured(module, image)
    called: Callable[[torch.Tensor], object] = torch.compile(module) if mode == "compiled" else module
    return lambda: called(image)


def _captured(module: torch.nn.Module, image: torch.Tensor) -> Callable[[], object]:
    """As torch's own notes on CUDA graphs have it: a few runs on another stream first, then the capture."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_RUNS_BEFORE_CAPTURE):
            module(image)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = module(image)

    def replay() -> object:
        graph.replay()
        return output

    return replay


def _export(module: torch.nn.Module, shape: tuple[int, ...], batch: str, file: str) -> None:
    """By torch.export, for the batch given, with the names of inputs and outputs that our own export has."""
    image = torch.zeros(int(batch), *shape)
    with contextlib.redirect_stdout(sys.stderr):
        torch.onnx.export(
            module, (image,), file, dynamo=True, input_names=["input"], output_names=["logits"], verbose=False
        )


if __name__ == "__main__":
    main()
