"""What else a model file is asked for: the hash of its weights, and copies with unique names or told sizes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.file_states import unchanged
from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph import functions, naming, wire
from alexnet_bench.graph.convert import dtype_code
from alexnet_bench.graph.file_bytes import mapped, shown
from alexnet_bench.graph.onnx_io import ModelFile


def with_sizes(model: ModelFile, tensors: Iterable[Tensor]) -> ModelFile:
    """The model with sizes declared for tensors inside it, which fill what shape inference leaves open.

    Args:
        model: as `open_model` returns it; not changed.
        tensors: of the main graph, with types and sizes.
    """
    from onnx import ModelProto, helper

    proto = ModelProto()
    proto.CopyFrom(model.proto)
    told = {
        tensor.name: helper.make_tensor_value_info(tensor.name, dtype_code(tensor.dtype), tensor.sizes)
        for tensor in tensors
    }
    others = [info for info in proto.graph.value_info if info.name not in told]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend((*others, *told.values()))
    for info in proto.graph.output:
        if info.name in told:
            info.CopyFrom(told[info.name])
    return replace(model, proto=proto)


def weights_sha256(model: ModelFile) -> str:
    """Hash of all tensor data that `open_model` left out, external files included; reads every byte of it.

    Raises:
        ModelError: a file cannot be read, or is another one than was opened.
    """
    digest = hashlib.sha256()
    with unchanged(model.states):
        buffer = mapped(model.path)
        for start, end in model.data_spans:
            digest.update(buffer[start:end])
        for file in model.data_files:
            digest.update(mapped(file.path))
    return digest.hexdigest()


def named_copy(model: ModelFile) -> bytes | None:
    """The whole model with a unique name for every node of its main graph, or None when the file has that already.

    Runtimes report times by node name, so names have to be unique while layers are timed; nothing else changes.

    Raises:
        ModelError: the file is not there any more, or is another one than was opened.
    """
    names = naming.identities(model.proto.graph)
    if model.has_functions:
        return _inlined_copy(model, names)
    if all(node.name == name for node, name in zip(model.proto.graph.node, names, strict=True)):
        return None
    with unchanged(model.states):
        try:
            return wire.rename_nodes(mapped(model.path), names)
        except wire.WireError as error:
            raise ModelError(
                f"{shown(model.path)} changed while it was read: {error}", "run the command again"
            ) from None


def _inlined_copy(model: ModelFile, names: list[str]) -> bytes:
    """As `named_copy`, for a model whose functions are in the way: a runtime inlines them under names of its own."""
    import onnx

    with unchanged(model.states):
        whole = functions.inline(onnx.load(model.path, load_external_data=False))
    for node, name in zip(whole.graph.node, names, strict=True):
        node.name = name
    content: bytes = whole.SerializeToString()
    return content
