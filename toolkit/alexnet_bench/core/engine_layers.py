"""What a backend executes, in terms of the user's tensors: the common language of backends and attribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from alexnet_bench.core.graph import Tensor, is_float

_STORED = ("int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16", "float4", "float8")
"""How the types begin that quantised numbers are kept in."""


@dataclass(frozen=True, slots=True)
class EngineLayer:
    """One kernel launch, or fused layer, of an engine.

    Attributes:
        name: as the backend reports it; unique within the engine.
        op: operator of the backend.
        reads: the user's tensors that its inputs stand for.
        makes: the user's tensors that its outputs stand for.
        equals: further ones that the runtime found equal to those, and so does not compute.
        inner: further ones that it computes, on the way to those or in their place: it writes no more than those.
        named: further ones that it is known to compute if they lie on the way to those.
        multiplies: whether it computes products of matrices, or what else sums over products; None when not known.
        tactic: the kernel, where the runtime chooses among several and says which; else "".
        is_overhead: it only changes how a tensor lies in memory; no node of the user asked for it.
        is_unmatched: an input or output stands for no tensor of the user that could be found.
        compute_dtype: type of its arithmetic, "" when not reported.
        input_dtypes: types it reads.
        output_dtypes: types it writes.
        output_shapes: sizes of what it writes, where the backend says; attribution knows those of `makes`.
        step_sizes: of what it writes, where that is only on the way to the one tensor that it `makes`, and of another
            size; else None.
        is_constant: no input of the model can change what it makes, and it runs in each inference nevertheless.
        is_view: it only shows what another layer computes of the same nodes under another shape or in another order, or
            scales what that reads: the work is the other's.
        tells_types: `input_dtypes` and `output_dtypes` have all that it reads and writes, weights included, so that
            they hold of the user's tensors whatever types these have in the file.
        moved_bytes: that it reads and writes, where the runtime tells its tensors; None takes those of its nodes.
        moved_constant_bytes: what of them are constants, where the runtime leaves out some that it fused (a bias); None
            where it leaves out none.
        made_bytes: that it writes, where the runtime tells the sizes of that.
    """

    name: str
    op: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    is_overhead: bool = False
    is_unmatched: bool = False
    compute_dtype: str = ""
    input_dtypes: tuple[str, ...] = ()
    output_dtypes: tuple[str, ...] = ()
    equals: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    multiplies: bool | None = None
    tactic: str = ""
    output_shapes: tuple[tuple[int, ...], ...] = ()
    step_sizes: tuple[int, ...] | None = None
    is_constant: bool = False
    is_view: bool = False
    tells_types: bool = False
    moved_bytes: int | None = None
    moved_constant_bytes: int | None = None
    made_bytes: int | None = None

    @property
    def floats_read(self) -> str:
        """The type in which it reads floats, "" where it is not told; of several that of the first, which is data."""
        return _first_float(self.input_dtypes) if self.tells_types else ""

    @property
    def floats_made(self) -> str:
        """The type in which it writes floats, likewise."""
        return _first_float(self.output_dtypes) if self.tells_types else ""

    @property
    def reads_dequantised(self) -> bool:
        """Whether it is known to read nothing quantised, and so of quantised weights what was made of them before."""
        told = self.input_dtypes if self.tells_types else ()
        return bool(told) and not any(name.startswith(_STORED) for name in told)


def _first_float(dtypes: tuple[str, ...]) -> str:
    return next(filter(is_float, dtypes), "")


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer of a runtime that names the nodes it computes, and not the tensors.

    Attributes:
        layer: without tensors.
        nodes: names of nodes of the engine's graph; one that several layers name is computed by them together.
        multiplies: whether it is a convolution or a product of matrices: of the layers that compute such a node
            together, those that do its multiply-adds.
        is_by_name: the runtime does not name them, and they are those that the layer's own name is made of.
    """

    layer: EngineLayer
    nodes: tuple[str, ...]
    multiplies: bool
    is_by_name: bool = False


@dataclass(frozen=True, slots=True)
class ArenaUse:
    """What the runtime's allocator held during the first run, in which every tensor is allocated on its own.

    Later runs take one block for all of them, so that they show no curve.

    Attributes:
        loaded_bytes: before the first layer: what loading left there.
        in_use_bytes: by layer name, as the layer ended and before what it read was given back; the most, where the
            layer contains others or ran several times.
        requested_bytes: likewise, as asked for: without what the allocator rounds up.
    """

    loaded_bytes: int
    in_use_bytes: dict[str, int]
    requested_bytes: dict[str, int]


@dataclass(frozen=True)
class LayerTimes:
    """Layers of an engine with their time in each timed run.

    Attributes:
        layers: in execution order.
        samples_s: by layer name, one value for each run.
        run_s: the whole run as the backend sees it, one value for each run.
        wall_s: the same runs as the caller sees them.
        plain_wall_s: runs without a profiler, alternated with those, as the caller sees them.
        recorded_kernels: how many the profiler watches in one run, at every turn those inside of a loop; None where
            the backend does not tell.
        arena_peak_bytes: the most that the runtime's allocator had in use, None when not reported.
        arena: what it had in use after each layer, None when not reported.
        named: for runtimes that name the nodes of a layer: the same layers with those names; else empty.
        seen: the user's tensors, by name, with the type and the sizes that they had in the last run, where the runtime
            says so.
    """

    layers: tuple[EngineLayer, ...]
    samples_s: dict[str, tuple[float, ...]]
    run_s: tuple[float, ...]
    wall_s: tuple[float, ...]
    plain_wall_s: tuple[float, ...] = ()
    recorded_kernels: int | None = None
    arena_peak_bytes: int | None = None
    arena: ArenaUse | None = None
    named: tuple[NamedLayer, ...] = ()
    seen: dict[str, Tensor] = field(default_factory=dict)

    @property
    def profiling_overhead_fraction(self) -> float | None:
        """How much longer a run takes with the profiler; None when that was not measured."""
        if not self.wall_s or not self.plain_wall_s:
            return None
        return median(self.wall_s) / median(self.plain_wall_s) - 1
