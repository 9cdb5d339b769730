"""Sizes that no runtime takes together: such a model is refused, as a count of it would stand for nothing.

ONNX's shape inference looks at some of this and leaves the output open, looks at less for Conv, and believes a Reshape.
What ONNX Runtime runs is never refused.
"""

from alexnet_bench.graph.contradictions.known import Known
from alexnet_bench.graph.contradictions.nodes import check, first

__all__ = ["Known", "check", "first"]
