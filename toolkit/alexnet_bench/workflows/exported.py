"""Where `export` may write: in the place of what it wrote before, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.places import check_apart, check_ours
from alexnet_bench.engine.build import built_from
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.graph.upgrade import CONVERTED
from alexnet_bench.network import architectures

_MAX_HEAD = 1 << 20
_LENGTH_BYTES = 8


def check_place(output: Path, read: Path | None) -> None:
    """Refuses a place before anything is computed for it.

    Args:
        output: the file to write.
        read: the file that it is made from.

    Raises:
        UsageError: it is that file, or one that was not exported by this tool.
        OutputError: it cannot be written.
    """
    check_apart({"--output": output}, [] if read is None else [read])
    atomic.check_writable(output)
    check_ours(output, "export", _is_ours)


def _is_ours(file: Path) -> bool:
    """Whether a file is a reference network, its weights, or a model that was converted, as this tool writes them."""
    if file.suffix == ".safetensors":
        return _names_a_network(file)
    try:
        opened = open_model(file)
    except ModelError:
        return False
    if any(item.key == CONVERTED for item in opened.proto.metadata_props):
        return True
    return opened.proto.producer_name == "alexnet-bench" and not built_from(opened)


def _names_a_network(file: Path) -> bool:
    """Whether the head of a safetensors file, whose length comes first, says whose weights they are as ours does."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        head = stream.read(min(length, _MAX_HEAD))
    try:
        said = json.loads(head)["__metadata__"]["network"]
    except (ValueError, LookupError, TypeError):
        return False
    return said in architectures.names()
