"""A model file written at another opset; nothing else in this package changes the opset of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.functions import calls_explode
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.graph.upgrade import FIRST_OPSET, at_opset, newest_opset
from alexnet_bench.network import architectures
from alexnet_bench.workflows.exported import check_place
from alexnet_bench.workflows.resolve import resolve


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A converted model.

    Attributes:
        path: of the new file.
        note: whether its counts are those of the old one, in a sentence.
    """

    path: Path
    note: str


def upgrade(model: str | Path, output: str | Path, *, opset: int) -> Upgraded:
    """Writes a model file at another opset, checked by ONNX's checker, its counts compared with those before.

    Args:
        model: an ONNX file, or the name of a model inside the onnx package.
        output: the .onnx file to write; replaced in one step.
        opset: the version of ONNX's operators to write.

    Raises:
        UsageError: an opset or output that cannot be, a file there that this tool did not export, or a reference
            network, which has one opset.
        ModelError: the model cannot be read or converted, with the reason.
        OutputError: the file cannot be written.
    """
    output = Path(output)
    _check(model, output, opset)
    path = resolve(model).path
    check_place(output, path)
    before = open_model(path)
    if calls_explode(before.proto):
        raise UsageError(f"{printable(str(path))} has functions that cannot be converted", "inline them first")
    if before.data_files and output.resolve().parent != path.resolve().parent:
        raise UsageError(
            f"{printable(str(path))} has external data, which a file elsewhere does not reach",
            f"write the output into {printable(str(path.parent))}",
        )
    atomic.write_bytes(output, at_opset(path, opset))
    return Upgraded(output, _compared(before, open_model(output)))


def _check(model: str | Path, output: Path, opset: int) -> None:
    if str(model) in architectures.names():
        raise UsageError("the reference networks are written at one opset", "export the network, then convert its file")
    if output.suffix != ".onnx":
        raise UsageError(f"{printable(str(output))} is no name of a model", "end it in .onnx")
    if not FIRST_OPSET <= opset <= newest_opset():
        raise UsageError(f"there is no opset {opset} to convert to", f"give --opset {FIRST_OPSET} to {newest_opset()}")


def _compared(before: ModelFile, after: ModelFile) -> str:
    try:
        counted = [count(build_graph(file, name="")) for file in (before, after)]
    except ShapeError:
        return "not counted: sizes of its inputs are open"
    shown = [f"{costs.macs:,} MAC, {costs.flop:,} FLOP, {costs.params:,} parameters" for costs in counted]
    if shown[0] == shown[1]:
        return f"counted as before: {shown[0]}"
    return f"counted otherwise: {shown[0]} before, {shown[1]} after"
