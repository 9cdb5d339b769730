"""LRN lowered to operators that have fast kernels: squares, a banded 1x1 convolution, square roots, a division.

ONNX (LRN): y = x / (bias + alpha / size * sum of x^2 over a window of channels)^beta. The sum over the window is a
product with a banded matrix over the channels, so a 1x1 convolution whose bias is LRN's. For beta 0.75 the power is
sqrt(s) * sqrt(sqrt(s)), which rounds less than a power does, and overflows only where s does. The two Reshape nodes
that move towers of channels into the batch and back go too: a matrix of blocks keeps the windows within their tower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alexnet_bench.graph.lrn_settings import not_portable
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.passes.reads import malformed_left_alone
from alexnet_bench.graph.passes.result import Feeds, PassResult

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

MAX_CHANNELS = 1024
"""The convolution costs one multiply-add per element and channel; with more channels the operator itself is cheaper."""

_ROOTS: dict[float, tuple[str, ...]] = {
    0.25: ("Sqrt", "Sqrt"),
    0.5: ("Sqrt",),
    0.75: ("Sqrt", "Sqrt", "Mul"),
    1.0: (),
}
"""How the power of a sum is made of roots: Sqrt takes the root of the last value, Mul multiplies the last two."""

_FIRST_OPSET = 7
"""Before it, Mul and Div broadcast by an attribute, and ONNX Runtime has no kernels for them."""


class _Settings(NamedTuple):
    """The attributes of an LRN, as ONNX calls them."""

    size: int
    alpha: float
    beta: float
    bias: float


@dataclass(frozen=True, slots=True)
class _Lrn:
    """One LRN over all channels of x, in towers of equal width.

    Attributes:
        nodes: what it stands for: the node, and the Reshape nodes around it if there are towers.
        x: the tensor that is normalised, [N, channels, ...].
        y: the result.
        channels: of x.
        rank: of x.
        towers: groups of channels that no window crosses.
    """

    nodes: tuple[NodeProto, ...]
    x: str
    y: str
    channels: int
    rank: int
    towers: int

    @property
    def node(self) -> NodeProto:
        return next(node for node in self.nodes if node.op_type == "LRN")


def lower_lrn(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """LRN of float32 as Mul, Conv, Sqrt and Div; exact but for rounding, for every size, alpha, beta and bias.

    LRN nodes stay where the number of channels is unknown or above `MAX_CHANNELS`, and in models below opset 7.
    """
    del feeds, evaluator
    return _lowered_where(model, lambda _: True)


def lower_lrn_that_is_not_portable(
    model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None
) -> PassResult:
    """The same for an LRN that some runtime refuses or computes wrongly; any other stays, as it has a kernel."""
    del feeds, evaluator
    return _lowered_where(model, lambda node: not _is_portable(node))


def _lowered_where(model: ModelProto, is_wanted: Callable[[NodeProto], bool]) -> PassResult:
    draft = Draft(model)
    present = [node for node in draft.nodes if node.op_type == "LRN" and not node.domain]
    if draft.opset < _FIRST_OPSET or not present:
        return draft.finished()
    types = draft.types()
    for node in present:
        with malformed_left_alone:
            found = _find(draft, types, node) if is_wanted(node) else None
            if found is not None:
                _lower(draft, found)
    return draft.finished()


def _lower(draft: Draft, found: _Lrn) -> None:
    lowered = _lowered(draft, found)
    draft.replace(found.nodes, lowered)
    towers = f" within {found.towers} towers, without their Reshape nodes," if found.towers > 1 else ""
    draft.changes.append(f"{found.node.name}: LRN over {found.channels} channels{towers} as {_written(lowered)}")


def _written(nodes: list[NodeProto]) -> str:
    return ", ".join("banded 1x1 Conv" if node.op_type == "Conv" else node.op_type for node in nodes)


def _is_portable(node: NodeProto) -> bool:
    settings = _settings(node)
    return not not_portable(settings.size, settings.bias)


def _settings(node: NodeProto) -> _Settings:
    """The attributes, with the operator's defaults for those left out."""
    from onnx import helper

    given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return _Settings(
        int(given["size"]),
        float(given.get("alpha", 1e-4)),
        float(given.get("beta", 0.75)),
        float(given.get("bias", 1)),
    )


def _find(draft: Draft, types: Types, node: NodeProto) -> _Lrn | None:
    if types.dtype(node.input[0]) != "float32":
        return None
    found = _in_towers(draft, types, node) or _alone(types, node)
    return found if found is not None and 0 < found.channels <= MAX_CHANNELS and _settings(node).size > 0 else None


def _alone(types: Types, node: NodeProto) -> _Lrn | None:
    shape = types.shape(node.input[0])
    if shape is None or len(shape) < 3 or not isinstance(shape[1], int):
        return None
    return _Lrn((node,), node.input[0], node.output[0], shape[1], len(shape), 1)


def _in_towers(draft: Draft, types: Types, node: NodeProto) -> _Lrn | None:
    """LRN between two Reshape nodes that move groups of adjacent channels into the batch, and back."""
    split = draft.wiring.producer(node.input[0])
    join = next((reader for reader in draft.wiring.readers(node.output[0]) if reader.op_type == "Reshape"), None)
    if split is None or split.op_type != "Reshape" or join is None or draft.wiring.uses(node.output[0]) > 1:
        return None
    x, y = split.input[0], join.output[0]
    outside, inside, behind = (types.sizes_behind_first(name) for name in (x, node.input[0], y))
    if outside is None or inside is None or len(outside) < 2 or len(inside) < 2:
        return None
    divides = outside[0] % inside[0] == 0
    if behind != outside or outside[1:] != inside[1:] or not divides or draft.wiring.uses(split.output[0]) > 1:
        return None
    return _Lrn((split, node, join), x, y, outside[0], len(outside) + 1, outside[0] // inside[0])


def _lowered(draft: Draft, found: _Lrn) -> list[NodeProto]:
    from onnx import helper

    name = found.node.name
    settings = _settings(found.node)
    band = banded(found.channels, found.towers, settings.size, settings.alpha)
    kernel = draft.add_constant(f"{name}/band", band.reshape(*band.shape, *[1] * (found.rank - 2)))
    offset = draft.add_constant(f"{name}/bias", np.full(found.channels, settings.bias, np.float32))
    made: list[NodeProto] = []

    def make(op_type: str, inputs: list[str], part: str, **attributes: Any) -> str:
        output = draft.fresh(f"{name}/{part}")
        made.append(helper.make_node(op_type, inputs, [output], output, **attributes))
        return output

    square = make("Mul", [found.x, found.x], "square")
    total = make("Conv", [square, kernel, offset], "sum", group=found.towers)
    powers = [total]
    roots = _ROOTS.get(round(settings.beta, 6))
    if roots is None:
        beta = draft.add_constant(f"{name}/beta", np.array(settings.beta, np.float32))
        powers.append(make("Pow", [total, beta], "power"))
    for operator in roots or ():
        root = make("Sqrt", powers[-1:], "root") if operator == "Sqrt" else make("Mul", powers[-2:], "product")
        powers.append(root)
    made.append(helper.make_node("Div", [found.x, powers[-1]], [found.y], draft.fresh(f"{name}/divided")))
    return made


def banded(channels: int, towers: int, size: int, alpha: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The window sums as weights of a grouped convolution: float32 [channels, channels / towers].

    The window of channel c reaches from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2) (ONNX, LRN).
    """
    width = channels // towers
    distance = np.arange(width)[None, :] - np.arange(width)[:, None]
    inside = (distance >= -((size - 1) // 2)) & (distance <= size // 2)
    return np.tile(np.where(inside, np.float32(alpha / size), np.float32(0)), (towers, 1))
