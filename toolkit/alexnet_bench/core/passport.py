"""The passport of an engine: what it was built from, by what, for which machine, and what it computes in.

Field names are the public contract of the JSON document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from alexnet_bench.core.builds import Builds
from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.json_text import encode_json
from alexnet_bench.core.profile import SharedNode
from alexnet_bench.core.text import printable, without_mark
from alexnet_bench.core.tuning import Tuning

PASSPORT_VERSION = 1
"""Raised when a field changes its meaning or goes away; once for a release."""
SCHEMA: Final = "alexnet-bench.passport"
_BEGINNING = 200
"""Bytes of a passport that its schema lies within."""
_KEY = re.compile(r"[0-9a-f]{64}")
BUILD_ONE = "build the engine again: alexnet-bench build-engine MODEL --backend NAME --rebuild"
"""The hint where a passport does not tell how."""


@dataclass(frozen=True, slots=True)
class EngineLayerInfo:
    """One layer of an engine, as it was read back from the runtime.

    Attributes:
        name: the engine's nodes that it computes, joined by " + "; for what the runtime added, operator and tensor.
        onnx_nodes: the user's nodes that it computes alone.
        shared_nodes: the user's nodes that it computes in part.
        compute_dtype: type of its arithmetic, "" when the runtime does not say.
        input_dtypes: types it reads.
        output_dtypes: types it writes.
        macs: multiply-adds of those nodes of the user, None when they are not known.
        tactic: the kernel that was chosen, "" where the runtime chooses none or does not say.
        moved_bytes: that it reads and writes at the sizes it was built for, None where the runtime does not say.
    """

    name: str
    onnx_nodes: tuple[str, ...]
    shared_nodes: tuple[SharedNode, ...]
    compute_dtype: str
    input_dtypes: tuple[str, ...]
    output_dtypes: tuple[str, ...]
    macs: int | None
    tactic: str = ""
    moved_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Passport:
    """What is known of a built engine.

    Attributes:
        key: hash of all that the build depends on; the engine's name in the cache.
        model_sha256: of the user's model, graph and weights.
        recipe: as it was followed.
        backend: name of the backend.
        backend_version: of its runtime.
        target: what kind of device it was built for.
        device: the processor or card, with what its kernels are chosen by.
        driver: of the device, None where there is none.
        requested_precision: what the recipe asks for, None for the model's own types.
        compute_dtypes: layers by the type of their arithmetic, as executed.
        layers: in execution order.
        passes: what changed the graph, in order.
        origins: for each node of the engine, the user's nodes that it stands for; nodes that kept their name are left
            out.
        macs_attributed_fraction: share of the user's MACs counted that layers were found for, None where none were.
        size_bytes: of the engine's files.
        build_s: how long the build took, in seconds, reading its types back included.
        engine_sha256: of the engine's files.
        timing_cache_sha256: of the timings that its kernels were chosen by, None where there are none.
        path: of the engine.
        created: date and time of the build, UTC, ISO 8601.
        cache_hit: whether it was in the cache already.
        refit_sha256: of the ONNX file that a stripped engine takes its weights from, None for one that has its own.
        graph_file_sha256: of the ONNX file beside an engine in the format of its runtime, which has its graph; None for
            all others.
        notes: what a user should know beside that, each a sentence.
        tuning: what `--tune` tried, and the settings that won; None for an engine that was not tuned.
        builds: what differs between the builds of `--builds`; None for a single one.
    """

    key: str
    model_sha256: str
    recipe: dict[str, object]
    backend: str
    backend_version: str
    target: str
    device: str
    driver: str | None
    requested_precision: str | None
    compute_dtypes: dict[str, int]
    layers: tuple[EngineLayerInfo, ...]
    passes: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    macs_attributed_fraction: float | None
    size_bytes: int
    build_s: float
    engine_sha256: str
    timing_cache_sha256: str | None
    path: str
    created: str
    cache_hit: bool = False
    refit_sha256: str | None = None
    graph_file_sha256: str | None = None
    notes: tuple[str, ...] = ()
    tuning: Tuning | None = None
    builds: Builds | None = None
    schema: Literal["alexnet-bench.passport"] = field(default=SCHEMA, kw_only=True)
    schema_version: int = field(default=PASSPORT_VERSION, kw_only=True)


class _Head(msgspec.Struct):
    schema: str = ""
    schema_version: int = 0


class _Typed(Protocol):
    """A layer with its type, and its nodes."""

    @property
    def onnx_nodes(self) -> tuple[str, ...]: ...
    @property
    def shared_nodes(self) -> tuple[SharedNode, ...]: ...
    @property
    def compute_dtype(self) -> str: ...


def count_types(layers: Iterable[_Typed]) -> dict[str, int]:
    """Layers by the type of their arithmetic, those that stand for nodes of the user."""
    of_nodes = (layer for layer in layers if layer.onnx_nodes or layer.shared_nodes)
    return dict(Counter(layer.compute_dtype for layer in of_nodes if layer.compute_dtype))


def build_command(passport: Passport) -> str:
    """What to type to have an engine of the same backend and precision built from its model."""
    precision = f" --precision {passport.requested_precision}" if passport.requested_precision else ""
    return printable(f"alexnet-bench build-engine MODEL --backend {passport.backend}{precision}", 200)


def build_again(passport: Passport) -> str:
    """The hint at an engine that cannot be used as it is."""
    return f"build it again: {build_command(passport)} --rebuild"


def encode_passport(passport: Passport) -> bytes:
    """The passport as indented JSON in UTF-8; `schema` and `schema_version` come first."""
    fields = {"schema": passport.schema, "schema_version": passport.schema_version}
    fields |= msgspec.to_builtins(passport)
    return msgspec.json.format(encode_json(fields), indent=2) + b"\n"


def decode_passport(content: bytes, name: str = "the document") -> Passport:
    """A passport as `encode_passport` wrote it.

    Raises:
        EngineError: it is not JSON, not a passport, of a version that this release does not read, or damaged.
    """
    content = without_mark(content)
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.schema != SCHEMA:
            raise EngineError(f"{name} is not the passport of an engine", BUILD_ONE)
        if head.schema_version != PASSPORT_VERSION:
            raise EngineError(
                f"{name} has schema version {head.schema_version}, this release reads {PASSPORT_VERSION}", BUILD_ONE
            )
        passport = msgspec.json.decode(content, type=Passport)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EngineError(f"{name} is not a valid passport: {printable(str(error), 200)}", BUILD_ONE) from None
    if not _KEY.fullmatch(passport.key):  # which names files
        raise EngineError(f"{name} is damaged: {printable(passport.key, 100)!r} is no key of an engine", BUILD_ONE)
    _check_agreement(passport, name)
    return passport


def _check_agreement(passport: Passport, name: str) -> None:
    """Raises EngineError for fields that others determine, the recipe or the layers, and that are not as those say."""
    for field_name, said, in_recipe in (
        ("backend", passport.backend, "backend"),
        ("requested_precision", passport.requested_precision or "", "precision"),
        ("passes", list(passport.passes), "passes"),
    ):
        follows = passport.recipe.get(in_recipe, said)
        if said != follows:
            raise EngineError(
                f"{name} is damaged: {field_name} is {_shown(said)}, and by its recipe {_shown(follows)}", BUILD_ONE
            )
    if (counted := count_types(passport.layers)) != passport.compute_dtypes:
        raise EngineError(
            f"{name} is damaged: compute_dtypes is {_by_type(passport.compute_dtypes)}, "
            f"and by its layers {_by_type(counted)}",
            BUILD_ONE,
        )


def _by_type(counts: Mapping[str, int]) -> str:
    return _shown([f"{count} in {dtype}" for dtype, count in sorted(counts.items())])


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return printable(text, 200) or "none"


def read_passport(path: Path) -> Passport:
    """A passport from a file. Raises EngineError as `decode_passport`."""
    name = printable(str(path), 200)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EngineError(f"{name} cannot be read: {reason}", BUILD_ONE) from None
    return decode_passport(content, name)


def says_passport(path: Path) -> bool:
    """Whether a file says that it is a passport: it may be damaged, or of another version."""
    try:
        with path.open("rb") as file:
            return f'"{SCHEMA}"'.encode() in file.read(_BEGINNING)
    except (OSError, ValueError):
        return False
