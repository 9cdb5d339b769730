"""The model that an engine was built from, for a verification that names no other reference."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.core.errors import AlexnetBenchError, UsageError
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.text import printable, typed
from alexnet_bench.core.workspace import memo_folder
from alexnet_bench.engine.build import built_from
from alexnet_bench.engine.hashes import model_hash
from alexnet_bench.workflows.resolve import resolve
from alexnet_bench.workflows.verification.open_sizes import Opened


def model_behind(engine: Opened, asked: str) -> str:
    """The model that an engine was built from, as it is typed; "" for a model, which is compared with itself.

    An engine knows the name of its model and a hash of it, and no path. What lies under that name in the working folder
    or beside the engine, or is a model's name, is it if it has that hash.

    Args:
        engine: what is verified.
        asked: that, as it was typed.

    Raises:
        UsageError: the model is not found, or the outputs are stored, and say of none.
    """
    if engine.stored is not None:
        raise UsageError("there is nothing to compare with", "give the reference: --against MODEL")
    if engine.built is None or engine.file is None:
        return ""
    name = built_from(engine.file)
    file = f"{name}.onnx"
    if name and Path(file).name == file:  # the name is the engine's word, and leads nowhere else
        for place in (file, str(engine.built.file.with_name(file)), name):
            if _is_of(engine.built.passport, place):
                return place
    model = f"PATH/{typed(file)}" if name and typed(file) else "MODEL"
    raise UsageError(
        f"there is nothing to compare with: the engine was built from {printable(name) or 'a model without a name'}, "
        "which is not here by that name, or not as it was",
        f"give it: alexnet-bench verify {typed(asked) or 'ENGINE'} --against {model}",
    )


def _is_of(passport: Passport, place: str) -> bool:
    try:
        return model_hash(resolve(place).path, memo_folder()).sha256 == passport.model_sha256
    except AlexnetBenchError:  # nothing is there, or no model
        return False
