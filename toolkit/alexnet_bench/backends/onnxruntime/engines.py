"""Where the engines are kept that a provider of ONNX Runtime builds for itself, and the sizes that they are built for.

TensorRT's provider names an engine after the model's file and the names in it, and not after its weights: in one folder
for all, a model that was trained further would get its old engine. So each model, with all that its engine depends on,
has a folder of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.uses import claim
from alexnet_bench.graph.model_bytes import weights_sha256
from alexnet_bench.graph.onnx_io import open_model

_MOST_OF_NAME = 40


def engine_folder(request: LoadRequest, made_with: object) -> Path | None:
    """The folder for the engines of a model, made when it is not there; None where nothing is to be kept, or can be.

    It is claimed, within `in_use`.

    Args:
        request: with the model, and the folder of all.
        made_with: what else an engine depends on, beside the model and the release of ONNX Runtime.

    Raises:
        ModelError: the model cannot be read.
    """
    import onnxruntime as ort

    if not request.engines_dir:
        return None
    model = open_model(Path(request.model_path))
    described = (model.sha256, weights_sha256(model), ort.__version__, made_with)
    key = hashlib.sha256(repr(described).encode()).hexdigest()[:16]
    name = re.sub(r"[^\w.-]", "_", model.path.stem)[:_MOST_OF_NAME]
    folder = Path(request.engines_dir) / f"{name}-{key}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        claim(folder)
        folder.mkdir(exist_ok=True)
        os.utime(folder)  # as used just now
    except OSError:
        return None  # building takes longer, and nothing else
    return folder if os.access(folder, os.W_OK) else None


def fix_sizes(options: Any, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Gives the open sizes of a model's inputs a value, by the names that they have in the file.

    Args:
        options: of the session.
        path: of the model.
        shapes: by input name.
    """
    if not shapes:
        return
    for item in open_model(path).proto.graph.input:
        sizes = shapes.get(item.name, ())
        for dim, size in zip(item.type.tensor_type.shape.dim, sizes, strict=False):
            if dim.dim_param:
                options.add_free_dimension_override_by_name(dim.dim_param, size)
