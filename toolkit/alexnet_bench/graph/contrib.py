"""Shape rules for ONNX Runtime's operators of the domain com.microsoft, where ONNX's own inference stops.

The rules are given to ONNX as operator schemas, so that one pass of its inference goes through them. Sources: the
operators' descriptions in ONNX Runtime's docs/ContribOperators.md.

ONNX's registry of schemas belongs to the whole process, and importing onnx.reference fails while two of its domains
have an operator of one name; so the schemas are in it only while `registered_schemas` is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from math import ceil
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto
    from onnx.defs import OpSchema
    from onnx.shape_inference import InferenceContext

DOMAIN = "com.microsoft"

Dims = list[int | None]

_FLOAT, _UINT8, _INT8, _INT32, _INT64 = 1, 2, 3, 6, 7
_RULES: dict[str, Callable[[Node], None]] = {}
_IN_THE_DEFAULT_DOMAIN = "SimplifiedLayerNormalization"
"""ONNX Runtime keeps this one in ONNX's own domain, and ONNX does not know it."""

_TYPES = ("float", "float16", "bfloat16", "double", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool")

_REGISTRY_LOCK = RLock()


class Node:
    """A node during shape inference: shapes as numbers, None for a size that is not known."""

    def __init__(self, op_type: str, context: InferenceContext) -> None:
        self.op_type = op_type
        self._context = context

    def has(self, index: int) -> bool:
        """Whether the optional input is given and has a type."""
        return index < self._context.get_num_inputs() and self._context.get_input_type(index) is not None

    def dims(self, index: int) -> Dims | None:
        """Sizes of an input, None when its rank is unknown."""
        if not self.has(index):
            return None
        tensor = self._context.get_input_type(index).tensor_type
        if not tensor.HasField("shape"):
            return None
        return [dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else None for dim in tensor.shape.dim]

    def value(self, index: int) -> int | None:
        """The value of an input that is one integer and a constant, else None."""
        from onnx import numpy_helper

        proto = self._context.get_input_data(index) if self.has(index) else None
        if proto is None or proto.data_type not in (_INT32, _INT64) or any(size != 1 for size in proto.dims):
            return None
        return int(numpy_helper.to_array(proto).reshape(-1)[0])

    def dtype(self, index: int) -> int:
        """ONNX's number of an input's element type."""
        return int(self._context.get_input_type(index).tensor_type.elem_type) if self.has(index) else _FLOAT

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        attribute = self._context.get_attribute(name)
        return default if attribute is None else int(attribute.i)

    def integers(self, name: str) -> list[int]:
        """An attribute that is a list of integers, empty when it is left out."""
        attribute = self._context.get_attribute(name)
        return [] if attribute is None else list(attribute.ints)

    def text(self, name: str, default: str) -> str:
        """A text attribute."""
        attribute = self._context.get_attribute(name)
        return default if attribute is None else str(attribute.s.decode())

    def make(self, index: int, dtype: int, dims: Dims | None) -> None:
        """Says what an output is, when the node has that output and its rank is known."""
        from onnx import TypeProto

        if dims is None or index >= self._context.get_num_outputs():
            return
        made = TypeProto()
        made.tensor_type.elem_type = dtype
        made.tensor_type.shape.SetInParent()
        for size in dims:
            dim = made.tensor_type.shape.dim.add()
            if size is not None and size >= 0:
                dim.dim_value = size
        self._context.set_output_type(index, made)


def rule(*op_types: str) -> Callable[[Callable[[Node], None]], Callable[[Node], None]]:
    """Registers a rule for operators."""

    def register(function: Callable[[Node], None]) -> Callable[[Node], None]:
        _RULES.update(dict.fromkeys(op_types, function))
        return function

    return register


def operators() -> tuple[str, ...]:
    """The operators that have a rule."""
    return tuple(sorted(_RULES))


@contextmanager
def registered_schemas() -> Iterator[None]:
    """While open, ONNX's shape inference knows the rules; what it knows already is left alone."""
    from onnx import defs

    with _REGISTRY_LOCK:
        added = [schema for schema in _schemas().values() if not defs.has(schema.name, schema.domain)]
        for schema in added:
            defs.register_schema(schema)
        try:
            yield
        finally:
            for schema in added:
                defs.deregister_schema(schema.name, schema.since_version, schema.domain)


def covers(domain: str, op_type: str) -> bool:
    """Whether an operator has a rule."""
    return op_type == _IN_THE_DEFAULT_DOMAIN if not domain else domain == DOMAIN and op_type in _RULES


def find_schema(node: NodeProto) -> OpSchema | None:
    """The rule for a node as a schema that need not be registered, None when there is none.

    It names the attributes of this node: inference of single nodes refuses any that a schema does not.
    """
    from onnx import AttributeProto
    from onnx.defs import OpSchema

    if not covers(node.domain, node.op_type):
        return None
    kind = AttributeProto.AttributeType.Name
    attributes = [OpSchema.Attribute(item.name, getattr(OpSchema.AttrType, kind(item.type))) for item in node.attribute]
    return _schema(node.domain, node.op_type, attributes)


@lru_cache(maxsize=1)
def _schemas() -> dict[tuple[str, str], OpSchema]:
    places = [(DOMAIN, name) for name in _RULES]
    return {(domain, name): _schema(domain, name) for domain, name in [*places, ("", _IN_THE_DEFAULT_DOMAIN)]}


def _schema(domain: str, name: str, attributes: Sequence[OpSchema.Attribute] = ()) -> OpSchema:
    from onnx.defs import OpSchema

    option = OpSchema.FormalParameterOption.Variadic
    ends = [
        OpSchema.FormalParameter(label, label, param_option=option, is_homogeneous=False, min_arity=0) for label in "XY"
    ]
    every = [f"tensor({name})" for name in _TYPES]
    schema = OpSchema(
        name,
        domain,
        1,
        inputs=ends[:1],
        outputs=ends[1:],
        type_constraints=[("X", every, "any tensor"), ("Y", every, "any tensor")],
        attributes=attributes,
    )
    schema.set_type_and_shape_inference_function(lambda context: _apply(_RULES[name], Node(name, context)))
    return schema


def _apply(function: Callable[[Node], None], node: Node) -> None:
    """What a rule raises would go through ONNX's inference and end it for the whole model."""
    with suppress(ArithmeticError, LookupError, TypeError, ValueError):  # a malformed node: its shapes stay open
        function(node)


@rule(
    "Gelu", "BiasGelu", "FastGelu", "QuickGelu", "RotaryEmbedding", "BiasSoftmax", "QLinearSigmoid",
    "QLinearLeakyRelu", "QLinearSoftmax",
)  # fmt: skip
def same(node: Node) -> None:
    """As the first input."""
    node.make(0, node.dtype(0), node.dims(0))


@rule("SimplifiedLayerNormalization")
def simplified_layer_normalization(node: Node) -> None:
    """As the input; output 1 is the inverse root of each group, with the axes from `axis` on reduced to 1."""
    dims = node.dims(0)
    node.make(0, node.dtype(0), dims)
    if dims:
        axis = node.integer("axis", -1) % len(dims)
        node.make(1, _FLOAT, [*dims[:axis], *[1] * (len(dims) - axis)])


@rule("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def skip_layer_normalization(node: Node) -> None:
    """As the input; outputs 1 and 2 are statistics per row, output 3 is the sum that was normalised."""
    dims = node.dims(0)
    for index in (0, 3):
        node.make(index, node.dtype(0), dims)
    for index in (1, 2):
        node.make(index, _FLOAT, [*dims[:-1], 1] if dims else None)


@rule("EmbedLayerNormalization")
def embed_layer_normalization(node: Node) -> None:
    """[batch, length, hidden] from the ids and the table of words; output 2 is the sum of the embeddings."""
    ids, table = node.dims(0), node.dims(2)
    if ids is None or table is None:
        return
    for index in (0, 2):
        node.make(index, node.dtype(2), [*ids, table[-1]])
    node.make(1, _INT32, ids[:1])  # mask_index


@rule("QuantizeLinear")
def quantize(node: Node) -> None:
    """The shape of x in the type of the zero point."""
    node.make(0, node.dtype(2) if node.has(2) else _UINT8, node.dims(0))


@rule("DequantizeLinear")
def dequantize(node: Node) -> None:
    """The shape of x in the type of the scale."""
    node.make(0, node.dtype(1), node.dims(0))


@rule("FusedConv")
def fused_conv(node: Node) -> None:
    """As Conv."""
    node.make(0, node.dtype(0), convolved(node, node.dims(0), node.dims(1)))


@rule("QLinearConv")
def qlinear_conv(node: Node) -> None:
    """As Conv with weights at input 3, in the type of the output's zero point; `channels_last` moves the channels."""
    node.make(0, node.dtype(7), _layout_aware(node, node.dims(3), bool(node.integer("channels_last", 0))))


@rule("NhwcFusedConv")
def nhwc_fused_conv(node: Node) -> None:
    """As Conv, channels last."""
    node.make(0, node.dtype(0), _layout_aware(node, node.dims(1), channels_last=True))


@rule("FusedMatMul")
def fused_matmul(node: Node) -> None:
    """As MatMul after the transpositions; `transBatch` moves the first axis behind the other batch axes."""
    sides = []
    for index, side in enumerate("AB"):
        dims = _first_axis_moved(node.dims(index), node.integer(f"transBatch{side}", 0))
        sides.append(_transposed(dims, node.integer(f"trans{side}", 0)))
    node.make(0, node.dtype(0), multiplied(*sides))


@rule("FusedGemm")
def fused_gemm(node: Node) -> None:
    """As Gemm."""
    left = _transposed(node.dims(0), node.integer("transA", 0))
    node.make(0, node.dtype(0), multiplied(left, _transposed(node.dims(1), node.integer("transB", 0))))


@rule("QGemm")
def qgemm(node: Node) -> None:
    """As Gemm with B at input 3; float without the output's zero point (input 8)."""
    left = _transposed(node.dims(0), node.integer("transA", 0))
    right = _transposed(node.dims(3), node.integer("transB", 0))
    node.make(0, node.dtype(8) if node.has(8) else _FLOAT, multiplied(left, right))


@rule("MatMulIntegerToFloat", "DynamicQuantizeMatMul")
def matmul_to_float(node: Node) -> None:
    """As MatMul, in float."""
    node.make(0, node.dtype(2), multiplied(node.dims(0), node.dims(1)))


@rule("MatMulNBits")
def matmul_nbits(node: Node) -> None:
    """A's rows by the attribute N."""
    left = node.dims(0)
    node.make(0, node.dtype(0), None if left is None else [*left[:-1], node.integer("N", 0)])


@rule("QLinearAdd", "QLinearMul")
def qlinear_binary(node: Node) -> None:
    """Inputs 0 and 3 broadcast."""
    node.make(0, node.dtype(0), broadcast(node.dims(0), node.dims(3)))


@rule("QLinearGlobalAveragePool")
def qlinear_global_average_pool(node: Node) -> None:
    """One value per image and channel."""
    dims = node.dims(0)
    if dims is not None and len(dims) > 2:
        spatial: Dims = [1] * (len(dims) - 2)
        last = bool(node.integer("channels_last", 0))
        node.make(0, node.dtype(0), [dims[0], *spatial, dims[-1]] if last else [*dims[:2], *spatial])


@rule("QLinearAveragePool", "NhwcMaxPool")
def pool(node: Node) -> None:
    """As AveragePool and MaxPool; `channels_last`, and NhwcMaxPool always, has the channels behind."""
    image = node.dims(0)
    if image is None or len(image) < 3:
        return
    last = bool(node.integer("channels_last", int(node.op_type == "NhwcMaxPool")))
    spatial = windows(node, image[1:-1] if last else image[2:], node.integers("kernel_shape"))
    node.make(0, node.dtype(0), [image[0], *spatial, image[-1]] if last else [*image[:2], *spatial])


@rule("QLinearConcat")
def qlinear_concat(node: Node) -> None:
    """Inputs 2, 5, 8, ... side by side."""
    found = []
    index = 2
    while node.has(index):
        found.append(node.dims(index))
        index += 3
    first = found[0] if found else None
    if first is None or any(dims is None or len(dims) != len(first) for dims in found):
        return
    axis = node.integer("axis", 0) % len(first)
    sizes = [dims[axis] for dims in found if dims is not None]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    node.make(0, node.dtype(2), [*first[:axis], total, *first[axis + 1 :]])


@rule("MultiHeadAttention")
def multi_head_attention(node: Node) -> None:
    """[batch, queries, hidden of the values], the caches [batch, heads, keys, width], and the scores (output 3).

    With input 8, past_sequence_length, the caches are buffers that keep their size.
    """
    query, past = node.dims(0), node.dims(6)
    if query is None or len(query) not in (3, 5):
        return
    heads = node.integer("num_heads", 0)
    width = query[4] if len(query) == 5 else _quotient(query[2], heads)
    keys, value_width = _keys_and_values(node, query, heads, width)
    node.make(0, node.dtype(0), [query[0], query[1], _product(value_width, heads)])
    total = keys if not node.has(6) else None if past is None else _sum(past[2], keys)
    cached = past[2] if node.has(8) and past is not None else total
    node.make(1, node.dtype(0), [query[0], heads, cached, width])
    node.make(2, node.dtype(0), [query[0], heads, cached, value_width])
    node.make(3, node.dtype(0), [query[0], heads, query[1], total])


def _keys_and_values(node: Node, query: Dims, heads: int, width: int | None) -> tuple[int | None, int | None]:
    """Number of new keys, and the width of a value per head."""
    key, value = node.dims(1), node.dims(2)
    if len(query) == 5:
        return query[1], width
    keys = None if key is None else key[2] if len(key) == 4 else key[1]
    if value is None:
        return keys, None if node.has(2) else width
    return keys, value[3] if len(value) == 4 else _quotient(value[-1], heads)


@rule("GroupQueryAttention")
def group_query_attention(node: Node) -> None:
    """[batch, queries, heads·width], the caches, and the scores (output 3).

    The caches grow by the new keys, or are buffers that keep their size: total_sequence_length (input 6) tells which,
    where its value is known. Without a cache to start from, the new keys are all there are.
    """
    query, past = node.dims(0), node.dims(3)
    heads, kv_heads = node.integer("num_heads", 0), node.integer("kv_num_heads", 0)
    if query is None or len(query) != 3 or heads < 1 or kv_heads < 1:
        return
    width = _quotient(query[2], heads if node.has(1) else heads + 2 * kv_heads)
    node.make(0, node.dtype(0), [query[0], query[1], _product(width, heads)])
    total = node.value(6) if node.has(3) else query[1]
    cached = total
    if node.has(3):
        old = None if past is None else past[2]
        cached = None if total is None or old is None else max(total, old)
    stored = width if past is None else past[3]  # two 4-bit values lie in one byte
    for index in (1, 2):
        node.make(index, node.dtype(3) if node.has(3) else node.dtype(0), [query[0], kv_heads, cached, stored])
    node.make(3, node.dtype(0), [query[0], heads, query[1], total])


@rule("Attention", "QAttention")
def projected_attention(node: Node) -> None:
    """[batch, length, hidden of the values], and the cache [2, batch, heads, keys, width].

    QAttention answers in the type of its scales. With `past_present_share_buffer` the cache keeps its size.
    """
    dims, weights = node.dims(0), node.dims(1)
    if dims is None or weights is None or len(dims) != 3:
        return
    quantised = node.op_type == "QAttention"
    sizes, heads = node.integers("qkv_hidden_sizes"), node.integer("num_heads", 0)
    hidden = sizes[2] if len(sizes) == 3 else _quotient(weights[1], 3)
    dtype = node.dtype(3 if quantised else 0)
    node.make(0, dtype, [dims[0], dims[1], hidden])
    index = 8 if quantised else 4
    past = node.dims(index)
    keys = dims[1] if not node.has(index) else None if past is None else _sum(past[3], dims[1])
    if past is not None and node.integer("past_present_share_buffer", 0):
        keys = past[3]
    node.make(1, dtype, [2, dims[0], heads, keys, _quotient(hidden, heads)])


def convolved(node: Node, image: Dims | None, weights: Dims | None) -> Dims | None:
    """Output sizes of a convolution, channels first (ONNX, operator Conv)."""
    if image is None or weights is None or len(image) != len(weights) or len(image) < 3:
        return None
    kernel: Dims = list(node.integers("kernel_shape")) or weights[2:]
    return [image[0], weights[0], *windows(node, image[2:], kernel)]


def windows(node: Node, sizes: Dims, kernel: Sequence[int | None]) -> Dims:
    """How many windows fit along each spatial axis (ONNX, operators Conv and AveragePool).

    With `ceil_mode` a window may hang over the end, but none starts in the padding behind it.
    """
    axes = len(sizes)
    strides, dilations = node.integers("strides") or [1] * axes, node.integers("dilations") or [1] * axes
    pads, auto_pad = node.integers("pads") or [0] * (2 * axes), node.text("auto_pad", "NOTSET")
    out: Dims = []
    for axis, (size, window) in enumerate(zip(sizes, kernel, strict=True)):
        if size is None or window is None:
            out.append(None)
            continue
        if auto_pad.startswith("SAME"):
            out.append(ceil(size / strides[axis]))
            continue
        before, after = (0, 0) if auto_pad == "VALID" else (pads[axis], pads[axis + axes])
        room = size + before + after - dilations[axis] * (window - 1) - 1
        count = room // strides[axis] + 1
        if node.integer("ceil_mode", 0):
            count = -(-room // strides[axis]) + 1
            count -= (count - 1) * strides[axis] >= size + before
        out.append(count)
    return out


def _layout_aware(node: Node, weights: Dims | None, channels_last: bool) -> Dims | None:
    image = node.dims(0)
    if not channels_last or image is None:
        return convolved(node, image, weights)
    out = convolved(node, [image[0], image[-1], *image[1:-1]], weights)
    return None if out is None else [out[0], *out[2:], out[1]]


def multiplied(left: Dims | None, right: Dims | None) -> Dims | None:
    """Output sizes of numpy.matmul."""
    if not left or not right:
        return None
    rows: Dims = left[-2:-1] if len(left) > 1 else []
    columns: Dims = right[-1:] if len(right) > 1 else []
    batch = broadcast(left[:-2], right[:-2])
    return None if batch is None else [*batch, *rows, *columns]


def broadcast(left: Dims | None, right: Dims | None) -> Dims | None:
    """Output sizes of numpy's broadcasting."""
    if left is None or right is None:
        return None
    rank = max(len(left), len(right))
    ones: Dims = [1] * rank
    pairs = zip((ones + left)[-rank:] if rank else [], (ones + right)[-rank:] if rank else [], strict=True)
    return [b if a == 1 else a if b in (1, a) else a if b is None else b if a is None else None for a, b in pairs]


def _transposed(dims: Dims | None, wanted: int) -> Dims | None:
    return dims if dims is None or not wanted or len(dims) < 2 else [*dims[:-2], dims[-1], dims[-2]]


def _first_axis_moved(dims: Dims | None, wanted: int) -> Dims | None:
    return dims if dims is None or not wanted or len(dims) < 3 else [*dims[1:-1], dims[0], dims[-1]]


def _product(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left * right


def _quotient(left: int | None, right: int) -> int | None:
    return None if left is None or right < 1 or left % right else left // right


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
