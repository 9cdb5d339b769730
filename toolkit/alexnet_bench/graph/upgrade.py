"""An ONNX file at another opset, by ONNX's own version converter.

As a command, `python -m alexnet_bench.graph.upgrade FILE OPSET OUTPUT`: the converter ends its process on some models.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.signals import how_ended
from alexnet_bench.core.text import printable
from alexnet_bench.graph.convert import required_inputs
from alexnet_bench.graph.external import external_tensors
from alexnet_bench.graph.file_bytes import shown

if TYPE_CHECKING:
    from onnx import ModelProto

FIRST_OPSET = 7
"""The converter leaves errors behind in models that go below."""

_FIRST_IR_WITH_CONSTANTS = 4
_MAX_BYTES = 2**31 - 1
"""Of a protobuf message."""


def newest_opset() -> int:
    """The newest opset that the installed onnx knows."""
    from onnx import defs

    return int(defs.onnx_opset_version())


CONVERTED = "alexnet-bench.converted"
"""Metadata of a converted model, with the name of the file that it was made from: such a model may be replaced."""


_REFUSED = 2
_ANOTHER_WAY = "profile it as it is, or export it again from where it came"


def at_opset(path: Path, opset: int) -> bytes:
    """The model in a file, converted to an opset in a process of its own; external data stays where it is.

    Args:
        path: of an ONNX file that was opened before.
        opset: from `FIRST_OPSET` to `newest_opset()`.

    Raises:
        ModelError: the model cannot be converted, with the converter's reason, or what comes out is not valid.
    """
    with ScratchFolder() as folder:
        output = Path(folder, "converted")
        command = [sys.executable, "-P", "-m", __spec__.name, str(path), str(opset), str(output)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == _REFUSED:
            raise ModelError(*msgspec.json.decode(done.stdout, type=tuple[str, str]))
        if done.returncode:
            raise ModelError(
                f"{shown(path)} cannot be converted to opset {opset}: ONNX's converter died by "
                f"{how_ended(done.returncode)}",
                _ANOTHER_WAY,
            )
        return output.read_bytes()


def _converted(path: Path, opset: int) -> bytes:
    """The same, in this process."""
    import onnx
    from onnx import checker, version_converter
    from onnx.checker import ValidationError

    if path.stat().st_size > _MAX_BYTES:
        raise ModelError(f"{shown(path)} is too large to be converted", "store its weights as external data first")
    model = onnx.load(path, load_external_data=False)
    if model.functions:
        raise ModelError(f"{shown(path)} has functions, which the converter drops", "inline them by onnx.inliner first")
    _constants_are_no_inputs(model)
    try:
        converted: ModelProto = version_converter.convert_version(model, opset)
        _raise_ir_version(converted)
        checker.check_model(_without_external_data(converted))
    except (RuntimeError, ValueError, ValidationError, version_converter.ConvertError) as error:
        raise ModelError(
            f"{shown(path)} cannot be converted to opset {opset}: {printable(str(error), 400)}",
            _ANOTHER_WAY,
        ) from None
    if all(item.key != CONVERTED for item in converted.metadata_props):
        converted.metadata_props.add(key=CONVERTED, value=path.stem)
    content: bytes = converted.SerializeToString()
    return content


def _constants_are_no_inputs(model: ModelProto) -> None:
    """Before IR version 4 constants are inputs too, and the converter takes them for inputs alone."""
    if model.ir_version >= _FIRST_IR_WITH_CONSTANTS:
        return
    model.ir_version = _FIRST_IR_WITH_CONSTANTS
    required = set(required_inputs(model.graph))
    for index in reversed(range(len(model.graph.input))):
        if model.graph.input[index].name not in required:
            del model.graph.input[index]


def _without_external_data(model: ModelProto) -> ModelProto:
    """A copy for the checker, which looks for the data in the working folder."""
    copy = type(model)()
    copy.CopyFrom(model)
    for tensor, _ in external_tensors(copy):
        for field in ("external_data", "data_location", "dims"):
            tensor.ClearField(field)
        tensor.dims.append(0)
    return copy


def _raise_ir_version(model: ModelProto) -> None:
    """An opset needs the IR version that it was published with."""
    from onnx import helper

    model.ir_version = max(model.ir_version, helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True))


def main() -> None:
    """Writes the converted model, or says why there is none."""
    path, opset, output = sys.argv[1:]
    try:
        Path(output).write_bytes(_converted(Path(path), int(opset)))
    except ModelError as error:
        sys.stdout.buffer.write(msgspec.json.encode((error.message, error.hint)))
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
