"""MACs of Conv and Gemm as onnx-tool counts them: `onnx_tool_counts.py MODEL`, one number on standard output.

onnx-tool adds one MAC per output for a bias; that is taken off here, which leaves the multiply-adds.
"""

import math
import sys

import onnx_tool

OPERATORS = ("Conv", "Gemm")
INPUTS_WITH_BIAS = 3


def main() -> None:
    """Counts the model of the command line."""
    graph = onnx_tool.Model(sys.argv[1]).graph
    graph.graph_reorder_nodes()
    graph.shape_infer()
    graph.profile()
    total = 0
    for node in graph.nodemap.values():
        if node.op_type in OPERATORS:
            total += int(node.macs[0])
            if len([name for name in node.input if name]) == INPUTS_WITH_BIAS:
                total -= math.prod(graph.tensormap[node.output[0]].get_shape())
    print(total)


if __name__ == "__main__":
    main()
