"""torch on the reference networks, eager or compiled, as a runner inside a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.protocol import ELSEWHERE, Loaded, LoadRequest
from alexnet_bench.backends.run_record import write_record
from alexnet_bench.backends.settings import Setting, check_precision, chosen
from alexnet_bench.backends.torch import layers
from alexnet_bench.backends.torch.layers import Call, Record
from alexnet_bench.backends.torch.program import Program, read_program
from alexnet_bench.core.errors import BackendRefusal, UsageError
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

NAME = "torch"
PRECISIONS = ("float32", "bfloat16", "float16")
SETTINGS: Mapping[str, Setting] = {
    "mode": Setting(
        ("eager", "compiled", "cuda_graph"),
        "layer by layer, by torch.compile, which needs a C++ compiler, or as a graph of CUDA's that is replayed",
    ),
    "device": Setting(("cpu", "cuda:0"), "where it runs; with cuda:0 a run includes copies to the device and back"),
}


_RUNS_BEFORE_CAPTURE = 3
"""As torch's own notes on CUDA graphs have it."""


class Torch:
    """A reference network as a torch module in inference mode; float32 products without TF32."""

    def __init__(self) -> None:
        self._program: Program | None = None
        self._forward: Any = None
        self._device, self._dtype = "cpu", None
        self._record: Record | None = None
        self._folder = Path()

    def activate(self, request: LoadRequest) -> Loaded:
        """Builds the module from the network's table and the file's weights.

        Raises:
            BackendRefusal: the file holds no reference network, torch cannot compile here, or there is no such device.
            UsageError: a setting or a type that it does not know, or settings that do not go together.
        """
        settings = chosen(NAME, SETTINGS, request.settings)
        if settings["mode"] == "cuda_graph" and settings["device"] == "cpu":
            raise UsageError("mode cuda_graph captures the kernels of a card, and device is cpu", 'set device "cuda:0"')
        precision = check_precision(NAME, request.precision, PRECISIONS)
        import torch

        self._device = settings["device"]
        if self._device != "cpu" and not torch.cuda.is_available():
            raise BackendRefusal(f"torch {torch.__version__} finds no {self._device}", 'use the setting device "cpu"')
        torch.set_num_threads(request.threads)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self._dtype = getattr(torch, precision)
        program = read_program(Path(request.model_path), dtype=self._dtype, device=self._device)
        self._program = program
        is_compiled = settings["mode"] == "compiled" and program.module is not None
        if is_compiled:
            self._forward = _compiled(program.module, self._example(request))
        elif settings["mode"] == "cuda_graph" and program.module is not None and not request.layers_dir:
            self._forward = _captured(program.module, self._example(request))
        if request.layers_dir:
            self._folder = Path(request.layers_dir)
            self._record = Record(_calls(program, is_compiled=is_compiled), [], [])
        device = "cpu" if self._device == "cpu" else torch.cuda.get_device_name(self._device)
        return Loaded(str(torch.__version__), (program.output,), device, settings=settings)

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass on the host's arrays; the output is float32 where numpy lacks its type.

        Raises:
            BackendRefusal: torch fails on these inputs.
        """
        import torch

        try:
            with torch.inference_mode():
                output = self._run({name: torch.from_numpy(array) for name, array in feeds.items()})
                made = output.float() if output.dtype == torch.bfloat16 else output
                return [made.cpu().numpy()]
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            raise BackendRefusal(f"torch fails while running: {printable(str(error), 600)}", ELSEWHERE) from None

    def deactivate(self) -> None:
        """Drops the module, and writes the times of its layers."""
        if self._record is not None and self._program is not None:
            write_record(self._folder / layers.FILE, self._record)
        self._program = self._forward = None

    def _run(self, feeds: Mapping[str, Any]) -> Any:
        if self._program is None:
            raise ValueError("nothing is loaded")
        values = {name: self._fed(tensor) for name, tensor in feeds.items()}
        if self._record is not None:
            return self._timed(self._program, self._record, values)
        if self._program.module is not None:
            return (self._forward or self._program.module)(values[self._program.inputs[0]])
        for step in self._program.steps:
            values[step.makes] = step.call(*(values[name] for name in step.reads))
        return values[self._program.output]

    def _fed(self, tensor: Any) -> Any:
        """An input on the device; floats of a network in its own type."""
        is_network = self._program is not None and self._program.module is not None
        return tensor.to(device=self._device, dtype=self._dtype if is_network else None)

    def _timed(self, program: Program, record: Record, values: dict[str, Any]) -> Any:
        """As `_run`, with the clock read between the steps, when what was started has ended."""
        marks = [self._now()]
        if self._forward is not None:
            values[program.output] = self._forward(values[program.inputs[0]])
            marks.append(self._now())
        else:
            for step in program.steps:
                values[step.makes] = step.call(*(values[name] for name in step.reads))
                marks.append(self._now())
        for call in record.calls:
            call.dtype, call.made = _dtype(values[call.reads[0]]), _dtype(values[call.makes])
        record.samples_s.append([end - start for start, end in pairwise(marks)])
        record.run_s.append(marks[-1] - marks[0])
        return values[program.output]

    def _now(self) -> float:
        if self._device != "cpu":
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    def _example(self, request: LoadRequest) -> Any:
        """Zeros of the shape that will be fed, to compile or capture for."""
        import torch

        shape = next(iter(request.shapes.values()), None)
        if shape is None:
            raise BackendRefusal("torch has to know the shape of the input first", "give `shapes` in the request")
        return torch.zeros(shape, dtype=self._dtype, device=self._device)


def _compiled(module: Any, example: Any) -> Any:
    """The compiled module, compiled now, so that no timed run does it."""
    import torch

    forward: Any = torch.compile(module)
    try:
        with torch.inference_mode():
            forward(example)
    except Exception as error:  # noqa: BLE001 - a compiler that is missing or fails raises classes of many modules
        reason = printable(" ".join(str(error).split()), 400)
        raise BackendRefusal(
            f"torch.compile does not work here: {type(error).__name__}: {reason}",
            "on a CPU it needs a C++ compiler (g++ or clang++); or run with mode eager",
        ) from None
    return forward


def _captured(module: Any, example: Any) -> Any:
    """The module's kernels as one graph of CUDA's, which is replayed on what is copied to the place of the example."""
    import torch

    place, aside = example.clone(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    try:
        with torch.inference_mode():
            with torch.cuda.stream(aside):  # what the first runs set up cannot be captured
                for _ in range(_RUNS_BEFORE_CAPTURE):
                    module(place)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                output = module(place)
    except RuntimeError as error:
        reason = printable(" ".join(str(error).split()), 400)
        raise BackendRefusal(f"torch cannot capture this network: {reason}", "run it with mode eager") from None

    def forward(tensor: Any) -> Any:
        if tensor.shape != place.shape:
            raise ValueError(f"it was captured for {tuple(place.shape)}, and is given {tuple(tensor.shape)}")
        place.copy_(tensor)
        graph.replay()
        return output

    return forward


def _calls(program: Program, *, is_compiled: bool) -> list[Call]:
    """What is timed: each step, or all of them as one, because a compiled module has no layers any more."""
    if is_compiled:
        return [Call("compiled", "compiled", list(program.inputs), program.output)]
    return [Call(step.name, step.op, list(step.reads), step.makes) for step in program.steps]


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")
