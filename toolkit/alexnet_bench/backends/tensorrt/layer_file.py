"""A file that tells the layers of an engine: of `trtexec --exportLayerInfo`, or the log of a verbose build."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info
from alexnet_bench.backends.tensorrt.plan_log import parse_layer_log
from alexnet_bench.backends.tensorrt.plan_tensors import LayerInfo
from alexnet_bench.backends.tensorrt.trtexec_json import read_json
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

TOLD_BESIDE = (".layers.json", ".graph.json")
"""Added to an engine's name: what this tool asks for, and what TREx calls it (`resnet.onnx.engine.graph.json`)."""
_WRITE = (
    "trtexec (of TensorRT-RTX: tensorrt_rtx) --loadEngine=ENGINE --exportLayerInfo=FILE writes one where there is a "
    "GPU; the log of a verbose build lists them where ProfilingVerbosity is DETAILED"
)


def layer_file_beside(plan: Path) -> Path | None:
    """The file that tells the layers of an engine, by its name; None when there is none."""
    places = (plan.with_name(plan.name + ending) for ending in TOLD_BESIDE)
    return next((path for path in places if path.is_file()), None)


def read_layer_file(path: Path) -> LayerInfo:
    """The layers that a file tells.

    Raises:
        UsageError: it cannot be read, or tells no layers.
    """
    content = read_json(path)
    try:
        if content is not None:
            return _not_empty(parse_layer_info(content))
        return parse_layer_log(path.read_text(encoding="utf-8", errors="backslashreplace"))
    except ValueError as error:
        raise UsageError(
            f"{printable(str(path), 200)} does not tell the layers of an engine: {printable(str(error), 200)}", _WRITE
        ) from None


def _not_empty(info: LayerInfo) -> LayerInfo:
    if not info.layers:
        raise ValueError("its list Layers is empty")
    return info
