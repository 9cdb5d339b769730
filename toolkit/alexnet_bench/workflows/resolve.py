"""MODEL on the command line: a reference network, a model inside the onnx package, or a file."""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError, ShapeError, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import KEY_START, networks_cache
from alexnet_bench.workflows.options import Progress, silent

if TYPE_CHECKING:
    from alexnet_bench.network.spec import Network

ONNX_PREFIX = "onnx:"
_LONGEST_NAME = 64
_KEYS = ", `alexnet-bench cache list` the keys of engines, which inspect, verify, and profile without --static take"
_LIGHT_MODELS = Path("backend", "test", "data", "light")
_PRODUCER = b"alexnet-bench"
_HEAD_BYTES = 64
"""Of an ONNX file, within which its producer is named."""
DEFAULT_INIT = "he"
"""Weights of a reference network when none are given: He-initialised, so that activations stay in range. Speed does not
depend on their values; denormal numbers would change it."""


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model file and what is known beside it.

    Attributes:
        name: for people.
        path: of the ONNX file.
        pixel_range: of the input, where it is known.
        whole_on_one_card: layers that the original did not split over its cards.
    """

    name: str
    path: Path
    pixel_range: tuple[float, float] = (0.0, 1.0)
    whole_on_one_card: tuple[str, ...] = ()


def resolve(model: str | Path, progress: Progress = silent) -> ResolvedModel:
    """The file behind a name or a path; a reference network is written to the cache first.

    Within `in_use`, it stays there until that ends.

    Args:
        model: as it was typed.
        progress: told where a reference network is kept in place of the cache.

    Raises:
        UsageError: a name that is nothing here, with the closest one; or a model that is in no file.
        ModelError: a model of the onnx package that is not there.
    """
    if not isinstance(model, str | os.PathLike):
        raise UsageError(
            f"a model is given by its name or its file, not as {type(model).__name__}",
            "write it to a file first, as by onnx.save(model, path)",
        )
    text = str(model)
    if not text:
        raise UsageError(
            "the name of the model or engine is empty", "give an .onnx file, or a name as of `alexnet-bench models`"
        )
    path = Path(text)
    is_path = bool(path.suffix) or len(path.parts) > 1
    if not is_path and text in _reference_names():
        return _reference(text, progress)
    if text.startswith(ONNX_PREFIX):
        return _inside_onnx(text)
    # os.path, because Path.exists() raises where a name is too long or a folder may not be entered.
    if os.path.exists(path) or (is_path and _may_be_opened(path)):  # noqa: PTH110
        return resolved_file(printable(path.stem or text), path)
    close = _closest(text, [*_reference_names(), *onnx_package_models()])
    raise UsageError(
        f"{printable(text)} is neither a model's name nor a file",
        f"{_did_you_mean(close)}`alexnet-bench models` lists the names{_KEYS if KEY_START.fullmatch(text) else ''}",
    )


def resolved_file(name: str, path: Path) -> ResolvedModel:
    """A file, with what is known of the reference network that it may have been exported from.

    Args:
        name: for people.
        path: of the ONNX file.
    """
    if not _written_here(path):
        return ResolvedModel(name, path)
    from alexnet_bench.graph.onnx_io import open_model
    from alexnet_bench.workflows.reference import network_of

    try:
        network = network_of(open_model(path))
    except ModelError:  # whoever opens it next says what is wrong with it
        network = None
    return ResolvedModel(name, path) if network is None else _of_network(network, name, path)


def _written_here(path: Path) -> bool:
    """Whether the head of a file names this tool; files of others are not read for it."""
    try:
        with path.open("rb") as stream:
            return _PRODUCER in stream.read(_HEAD_BYTES)
    except OSError:
        return False


def _of_network(network: Network, name: str, path: Path) -> ResolvedModel:
    return ResolvedModel(name, path, network.pixel_range, network.single_card)


def onnx_package_models() -> dict[str, Path]:
    """The models that lie in the installed onnx package, by the name to type."""
    spec = importlib.util.find_spec("onnx")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / _LIGHT_MODELS
    return {ONNX_PREFIX + path.stem.removeprefix("light_"): path for path in sorted(folder.glob("light_*.onnx"))}


def _reference_names() -> Sequence[str]:
    from alexnet_bench.network import architectures  # files do without, and are counted sooner

    return architectures.names()


def _reference(name: str, progress: Progress) -> ResolvedModel:
    from alexnet_bench.network import architectures
    from alexnet_bench.workflows.reference import reference_file

    network = architectures.get(name)
    path = reference_file(network, folder=networks_cache(), seed=0, init=DEFAULT_INIT, progress=progress)
    return _of_network(network, name, path)


def _inside_onnx(name: str) -> ResolvedModel:
    models = onnx_package_models()
    if name in models:
        return ResolvedModel(name, models[name])
    if not models:
        raise ModelError("the installed onnx package holds no models", "pip install --upgrade onnx")
    raise UsageError(
        f"there is no {printable(name)} in the installed onnx package",
        _did_you_mean(_closest(name, models)).strip() or f"there are: {', '.join(models)}",
    )


def _closest(text: str, names: Iterable[str]) -> list[str]:
    """Up to three names that the text may be meant for; the prefix may be left out, and case does not matter."""
    spellings = {spelling: name for name in names for spelling in (name.removeprefix(ONNX_PREFIX), name)}
    close = difflib.get_close_matches(text.lower()[:_LONGEST_NAME], spellings, n=6, cutoff=0.6)
    return list(dict.fromkeys(spellings[spelling] for spelling in close))[:3]


def _did_you_mean(names: Sequence[str]) -> str:
    return f"did you mean {' or '.join(names)}? " if names else ""


def _may_be_opened(path: Path) -> bool:
    """Whether the file system takes such a name; what is wrong with the file itself, its reader says."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return True
    except (OSError, ValueError):
        return False
    return True


def check_input_names(model: str | Path, names: Iterable[str]) -> None:
    """Refuses names that are none of an input of a model.

    Raises:
        ShapeError: there is such a name; the message has those of the model.
        AlexnetBenchError: the model is not there, or cannot be read.
    """
    from alexnet_bench.graph.convert import required_inputs
    from alexnet_bench.graph.onnx_io import open_model

    inputs = required_inputs(open_model(resolve(model).path).proto.graph)
    unknown = next((name for name in names if name not in inputs), None)
    if unknown is not None:
        raise ShapeError(
            f"the model has no input named {printable(unknown)}; it has {', '.join(map(printable, inputs)) or 'none'}",
            "give one of these --min, --opt and --max, all three",
        )
