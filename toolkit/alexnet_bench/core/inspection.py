"""What a stored engine consists of, as `alexnet-bench inspect` says it without running anything."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from alexnet_bench.core.passport import Passport
from alexnet_bench.core.profile import Bound, SharedNode


@dataclass(frozen=True, slots=True)
class InspectedLayer:
    """One layer of an engine; counts are of the engine's own nodes, at the shapes it was tried with.

    Attributes:
        name: the engine's nodes, joined by " + ".
        onnx_nodes: the user's nodes that it computes alone.
        shared_nodes: the user's nodes that it computes in part.
        compute_dtype: type of its arithmetic, "" when the runtime did not say.
        input_dtypes: types it reads.
        output_dtypes: types it writes.
        macs: multiply-adds of the user's nodes, None when unknown.
        flop: of the engine's nodes, None when unknown.
        bytes: that it has to move, None when unknown.
        flop_per_byte: arithmetic intensity.
        roof_time_s: the least time on the budget's device, predicted; None without a peak, and for overhead.
        bound: by the roof that is lower there, "overhead" for what nobody asked for.
    """

    name: str
    onnx_nodes: tuple[str, ...]
    shared_nodes: tuple[SharedNode, ...]
    compute_dtype: str
    input_dtypes: tuple[str, ...]
    output_dtypes: tuple[str, ...]
    macs: int | None
    flop: int | None
    bytes: int | None
    flop_per_byte: float | None
    roof_time_s: float | None
    bound: Bound | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """A stored engine.

    Attributes:
        model: what the model was called that it was built from.
        passport: of the engine.
        producer: what wrote its file.
        shapes: of its inputs, as counted.
        layers: in execution order.
        budget_device: whose published peaks the roofline is drawn with.
        reasons_against: why it must not be used on this machine as it is; empty when it may.
    """

    model: str
    passport: Passport
    producer: str
    shapes: dict[str, tuple[int, ...]]
    layers: tuple[InspectedLayer, ...]
    budget_device: str
    reasons_against: tuple[str, ...]
    schema: str = field(default="alexnet-bench.inspection", kw_only=True)
    schema_version: int = field(default=1, kw_only=True)


def encode_inspection(inspection: Inspection) -> bytes:
    """The inspection as indented JSON in UTF-8; `schema` and `schema_version` come first."""
    fields = {"schema": inspection.schema, "schema_version": inspection.schema_version}
    fields |= msgspec.to_builtins(inspection)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"
