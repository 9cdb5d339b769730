"""What a run of OpenVINO with layer times leaves behind: the model as read, the kernels as compiled, their counters.

Plain data, so that it is read without OpenVINO.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from alexnet_bench.backends.run_record import check_runs, read_record, write_record

_FILE = "openvino.json"
MARK = "#"
"""Before the number of an operator of the model, which is its name while layers are timed; behind that, after a slash,
the number of one inside of it."""

_ANEW = ("Input", "RandomUniform", "Multinomial")
"""Kernels whose results differ from run to run whatever they read."""


class SourceOp(msgspec.Struct, array_like=True):
    """One operator of the model as OpenVINO read it, before it optimised.

    Attributes:
        kind: OpenVINO's operator.
        inputs: (number of an operator, its output) for each input.
        outputs: the user's names of each output; none where the reader made it up.
        types: of each output, in OpenVINO's words.
        sizes: of each output, None where one is open.
    """

    kind: str
    inputs: list[tuple[int, int]]
    outputs: list[list[str]]
    types: list[str] = []
    sizes: list[list[int] | None] = []


class Kernel(msgspec.Struct, array_like=True):
    """One node of the compiled model.

    Attributes:
        name: of the node; unique.
        kind: the plugin's type, such as "Convolution" or "Reorder".
        implementation: such as "brgconv_avx512_f32".
        precision: of its arithmetic, in OpenVINO's words.
        stands_for: names of operators before optimising.
        inputs: (number of a kernel, its output) for each input.
        outputs: type of each output, in OpenVINO's words.
        sizes: of each output, None where one is open.
    """

    name: str
    kind: str
    implementation: str
    precision: str
    stands_for: list[str]
    inputs: list[tuple[int, int]]
    outputs: list[str]
    sizes: list[list[int] | None] = []


class Record(msgspec.Struct):
    """Everything that the reader needs.

    Attributes:
        source: the operators of the model, by number.
        kernels: nodes of the compiled model, in execution order.
        average_us: after each run, the average of each kernel over all runs so far, in whole microseconds.
        run_s: wall time of each run, without reading the counters.
        precision: that floats are computed in, in OpenVINO's words; "" where that is not known.
        rounded_together: how many activations are rounded to bytes with one scale, for weights in bytes; 0 if none.
    """

    source: list[SourceOp]
    kernels: list[Kernel]
    average_us: list[list[int]]
    run_s: list[float]
    precision: str = ""
    rounded_together: int = 0


def constant_kernels(kernels: Sequence[Kernel]) -> list[bool]:
    """Of each kernel, whether what it makes is the same in every run.

    Args:
        kernels: in execution order.
    """
    constant: list[bool] = []
    for kernel in kernels:
        is_fed = kernel.kind in _ANEW or any(not constant[source] for source, _ in kernel.inputs)
        constant.append(kernel.kind == "Const" or (not is_fed and bool(kernel.inputs)))
    return constant


def write(folder: Path, record: Record) -> None:
    """Writes the record."""
    write_record(folder / _FILE, record)


def read(folder: Path, *, timed_runs: int) -> Record:
    """The record of a folder.

    Raises:
        BackendCrash: it is not there, damaged, or lacks runs.
    """
    record = read_record(folder / _FILE, Record, "openvino")
    check_runs(len(record.run_s), timed_runs, "openvino")
    return record
