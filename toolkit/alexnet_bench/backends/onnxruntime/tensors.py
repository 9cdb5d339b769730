"""Which of the user's tensors each tensor of ONNX Runtime's optimised model stands for.

Only what ONNX Runtime itself reports counts: fusions keep the name of the last tensor; the NCHWc transformer names a
node after the tensor it made before ("r5_nchwc"), and says by an attribute and a fourth input what it fused afterwards
(onnxruntime/core/optimizer/nchwc_transformer.cc); a product that takes in a sum is still named after the product
(matmul_add_fusion.cc); a cast that it adds is named after the tensor that it casts (insert_cast_transformer.cc);
layouts, views and casts that it adds leave a tensor's meaning as it was. Every node of the user has a unique name while
layers are timed, so a node of another name is one that ONNX Runtime made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.expanded import told_beside_expanded
from alexnet_bench.backends.onnxruntime.fusions import made_by_activation
from alexnet_bench.backends.onnxruntime.names import UserNames
from alexnet_bench.backends.onnxruntime.readers import (
    in_nchwc_name,
    may_convert,
    product_in_name,
    told_by_names,
    told_by_what_is_made,
    transposed,
)
from alexnet_bench.backends.onnxruntime.unmade import find_unmade
from alexnet_bench.core.graph import Node

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_COPY = re.compile(r"(/duplicated)?(_token_\d+)?$")
"""Behind the name of a node that ONNX Runtime copies (ensure_unique_dq_for_node_unit.cc), or a name that is taken."""
_PROPAGATED_NAME = re.compile(r"(?P<tensor>.+)_(q|dq)(_token_\d+)?", re.DOTALL)
_QUANTISATIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})
_ENDED = {("Split", "Squeeze"): "Gather", ("SpaceToDepth", "Gather"): "Concat"}
"""By two operators that follow each other, the user's whose work ONNX Runtime does by them (gather_fusion.cc,
slice_concat_to_space_to_depth_fusion.cc)."""
_NHWC = "Nhwc"
"""In front of operators of com.microsoft whose channels come last."""
_CONV_SUM_INPUT = 3


class Meanings:
    """The user's tensor behind each tensor of an optimised model, where that can be told.

    Attributes:
        constants: tensors of the optimised model that no input of the model can change.
    """

    def __init__(self, optimised: ModelProto, names: UserNames) -> None:
        nodes = optimised.graph.node
        self.constants = _constants(optimised, names)
        self._weights = {item.name for item in optimised.graph.initializer}
        self._names = names
        self._found = told_by_names(nodes, names)
        self._follow(nodes)
        self._found = told_by_what_is_made(nodes, names, self._found)
        self._follow(nodes, with_products=True)
        if beside := told_beside_expanded(nodes, names, self.of):
            self._found |= beside
            self._follow(nodes)
        self._unmade = find_unmade(nodes, names, self.of)
        self._find_renamed(nodes)

    def of(self, tensor: str) -> str | None:
        """The user's tensor that one of the optimised model stands for, None where that cannot be told."""
        return self._names.tensor(tensor) or self._found.get(tensor)

    def merged_into(self, tensor: str) -> list[str]:
        """The user's tensors that ONNX Runtime found equal to this one, and so does not compute."""
        return self._unmade.merged.get(tensor, [])

    def inside(self, tensor: str) -> list[str]:
        """The user's tensors on the way to this one that are made with it, and that others read in its place."""
        return self._unmade.inside.get(tensor, [])

    def folded(self, reads: Iterable[str]) -> list[str]:
        """Of what a node reads, the user's tensors that were computed while loading: they follow from sizes alone."""
        weights = [name for name in reads if name in self._weights]
        return [tensor for name in weights if (tensor := self._names.tensor(name)) in self._names.variables]

    def is_conversion(self, node: NodeProto) -> bool:
        """Whether ONNX Runtime added the node to change how a tensor lies in memory, and not its meaning."""
        if not may_convert(node, self._names):
            return False
        read, made = self.of(node.input[0]), self.of(node.output[0])
        same = (read, *self.inside(read or ""), *self.merged_into(read or ""))
        return made in same or node.input[0] in self.constants

    def only_ends(self, node: NodeProto, mover: NodeProto) -> bool:
        """Whether ONNX Runtime put two nodes in place of the user's, of which the first moves the data.

        Of a Split and a Squeeze, the Squeeze takes the axis away that a Gather picks along; of a SpaceToDepth and a
        Gather, the Gather puts the blocks in the order in which the user's Concat has them.
        """
        ended = self._names.producer.get(self._names.behind(self.of(node.output[0]) or ""))
        is_added = node.name not in self._names.nodes and mover.name not in self._names.nodes
        ends = _ENDED.get((mover.op_type, node.op_type), "")
        return is_added and ended is not None and (ended.domain, ended.op_type) == ("", ends)

    def _follow(self, nodes: Iterable[NodeProto], *, with_products: bool = False) -> None:
        """Finds what nodes make under names of ONNX Runtime's own, from front to back.

        What a product is read as, in another shape, tells more than its name, which so goes last.
        """
        for node in nodes:
            made = self._made(node)
            if with_products and made and made[0] is None:
                made[0] = self._by_name_of_product(node)
            for name, tensor in zip(node.output, made, strict=True):
                if name and tensor is not None:
                    self._found.setdefault(name, tensor)

    def _made(self, node: NodeProto) -> list[str | None]:
        made = [self.of(name) for name in node.output]
        if made and made[0] is None:
            if may_convert(node, self._names):
                turned = transposed(node, self._names)
                made[0] = self.of(node.input[0]) if turned is None else turned.writes[0]
            else:
                made[0] = (
                    self._by_nchwc_name(node)
                    or self._by_node_name(node)
                    or self._by_quantised_name(node)
                    or self._by_propagated_name(node)
                    or self._by_what_it_reads(node)
                )
        return made

    def _by_node_name(self, node: NodeProto) -> str | None:
        """A node that kept its name and operator makes what it made before, in another layout."""
        original = self._original(node)
        same = original is not None and original.op_type in (node.op_type, node.op_type.removeprefix(_NHWC))
        return original.writes[0] if original is not None and same else None

    def _by_quantised_name(self, node: NodeProto) -> str | None:
        """QLinearConv and the like have the name of the node in the middle, and make what is quantised behind it.

        A ReLU in between goes into the bounds of the quantised type (qdq_transformer/qdq_util.cc).
        """
        names, original = self._names, self._original(node)
        if original is None or node.op_type not in (f"QLinear{original.op_type}", f"Q{original.op_type}"):
            return None
        quantise, tensor = frozenset({"QuantizeLinear"}), original.writes[0]
        bounded = names.after(tensor, frozenset({"Relu", "Clip"}))
        return names.after(tensor, quantise) or (names.after(bounded, quantise) if bounded else None)

    def _original(self, node: NodeProto) -> Node | None:
        """The user's node that a node has the name of, as a copy perhaps."""
        original = self._names.nodes.get(node.name) or self._names.nodes.get(_COPY.sub("", node.name, count=1))
        return original if original is not None and original.writes else None

    def _by_propagated_name(self, node: NodeProto) -> str | None:
        """A quantisation that ONNX Runtime moved is named after the tensor that it quantises now.

        A ReLU in front of it may be gone into its bounds (qdq_transformer/qdq_propagation.cc, relu_quantizelinear.cc).
        """
        found = _PROPAGATED_NAME.fullmatch(node.name) if node.op_type in _QUANTISATIONS else None
        return found["tensor"] if found is not None and found["tensor"] in self._names.tensors else None

    def _by_name_of_product(self, node: NodeProto) -> str | None:
        """A Gemm of a product and a sum makes the sum (matmul_add_fusion.cc).

        Only where it reads what those two read: a name may be free again, and be given to a node of a branch.
        """
        product, total = product_in_name(node, self._names) or (None, None)
        if product is None or total is None:
            return None
        added = [name for name in total.inputs if not self._names.is_view(name, product.writes[0])]
        before = [*product.inputs, *added]
        same = len(before) == len(node.input) and all(map(self._may_be, before, node.input))
        return total.writes[0] if same else None

    def _may_be(self, before: str, now: str) -> bool:
        """Whether a tensor of the optimised model is the user's, or what that is a view of.

        A constant under another name may be one of equal value, if the first is gone.
        """
        constants = self._names.constants
        if before in constants or now in self.constants:
            other = now in constants and now != before and before in self._weights
            return before in constants and now in self.constants and not other
        tensor = self.of(now)
        return tensor is not None and self._names.is_view(before, tensor)

    def _by_nchwc_name(self, node: NodeProto) -> str | None:
        """The tensor in a node's name, and behind it what the node says it fused: a sum, then an activation."""
        names, tensor = self._names, in_nchwc_name(node, self._names)
        if tensor is not None and node.op_type == "Conv" and any(node.input[_CONV_SUM_INPUT:]):
            tensor = names.after(tensor, frozenset({"Add", "Sum"}), self.of(node.input[_CONV_SUM_INPUT]))
        activation = next((item.s.decode() for item in node.attribute if item.name == "activation"), "")
        if tensor is not None and activation:
            producer = names.producer.get(tensor)
            if producer is None or producer.op_type != activation:
                behind = names.after(tensor, frozenset({activation}))
                tensor = behind or made_by_activation(names, tensor, activation)
        return tensor

    def _by_what_it_reads(self, node: NodeProto) -> str | None:
        """An activation whose name and output were changed makes what the user's nodes make of its input."""
        tensor = self.of(node.input[0]) if len(node.input) == 1 else None
        return made_by_activation(self._names, tensor, node.op_type) if tensor is not None else None

    def _find_renamed(self, nodes: Sequence[NodeProto]) -> None:
        """A node that is read as one tensor and named after another makes both.

        Either they were found equal, or what it is read as only shows the other (behind a Transpose that was removed).
        """
        made = frozenset(tensor for node in nodes for name in node.output if (tensor := self.of(name)) is not None)
        for node in nodes:
            named, read_as = self._named(node), self.of(node.output[0]) if node.output else None
            if named is None or read_as is None or named == read_as:
                continue
            if self._names.depends(read_as, named, made):
                self._unmade.make(named, on_the_way_to=read_as)
            elif not self._names.related(named, read_as):
                self._unmade.merge(named, into=read_as)

    def _named(self, node: NodeProto) -> str | None:
        """The user's tensor that a node makes by its name; a node that changes no value may have been moved."""
        original = self._original(node)
        is_view = original is not None and self._names.changes_nothing(original)
        return self._by_nchwc_name(node) or (None if is_view else self._by_node_name(node))


def _constants(optimised: ModelProto, names: UserNames) -> frozenset[str]:
    """Weights, and what the optimised model still computes from them in every run."""
    constants = {item.name for item in optimised.graph.initializer} | names.constants
    for node in optimised.graph.node:
        has_subgraph = any(item.HasField("g") or item.graphs for item in node.attribute)
        inputs = [name for name in node.input if name]
        if inputs and not has_subgraph and constants.issuperset(inputs):
            constants.update(name for name in node.output if (names.tensor(name) or name) not in names.variables)
    return frozenset(constants)
