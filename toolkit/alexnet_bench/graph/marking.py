"""A copy of a model with more outputs: how tensors inside a network come to be seen on any runtime."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.file_states import unchanged
from alexnet_bench.graph.convert import graph_outputs
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import ModelFile

MARKED = "marked.onnx"


def mark_outputs(file: ModelFile, tensors: Sequence[str], folder: Path) -> Path:
    """Writes a copy of the model in which tensors are outputs too, behind those that it has; gives its path.

    Two protobuf messages one after the other are read as one, merged (protobuf's "Encoding", "Last One Wins"), so that
    a graph with nothing but the new outputs is put behind the file, whose weights are copied and never parsed. The new
    outputs have a name and no type, which runtimes infer. Files of external data are linked beside the copy.

    Args:
        file: as `open_model` gives it; its functions are inlined in the copy, as they are in its graph.
        tensors: names in the main graph; outputs that the model has already are left out.
        folder: where to; made where it is not there.

    Raises:
        OutputError: the copy cannot be written.
        ModelError: the model is not as it was, or names files outside its folder.
    """
    import onnx

    addition = onnx.ModelProto()
    for name in dict.fromkeys(tensors):
        if name not in graph_outputs(file.proto.graph):
            addition.graph.output.add(name=name)
    inlined = named_copy(file) if file.has_functions else None
    target = folder / MARKED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if inlined is None:
            with unchanged(file.states):
                shutil.copyfile(file.path, target)
        else:
            target.write_bytes(inlined)
        with target.open("ab") as stream:
            stream.write(addition.SerializeToString())
        for data in file.data_files:
            _link(data.path, folder / data.location)
    except OSError as error:
        raise OutputError(f"a copy of the model cannot be written: {error.strerror}", "make room for it") from None
    return target


def _link(path: Path, target: Path) -> None:
    """A second name for a file, or a copy where file systems differ; runtimes refuse symbolic links to elsewhere."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
