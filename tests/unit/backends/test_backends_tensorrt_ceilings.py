"""What is behind the ceilings, as TensorRT's compiler makes it: nothing that is counted may be left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_bench.backends.tensorrt.layer_types import has_product_kernel
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import read_plan_layers
from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.ceiling_kernels import Kernel, products, streams
from tests.unit.backends.tensorrt_here import build, needs_rtx

pytestmark = needs_rtx

_SIDE = 512


def compiled(kernel: Kernel, folder: Path) -> list[NamedLayer]:
    """The layers that TensorRT-RTX makes of a kernel."""
    path = folder / "model.onnx"
    kernel.write(path)
    build(path)
    layers = read_plan_layers((folder / "layers.txt").read_text())
    graph = build_graph(open_model(path), name="ceiling")
    assert sum(map(has_product_kernel, layers)) == (PRODUCT_NODE in {node.name for node in graph.nodes})
    return named_layers(layers, tf32=False, graph=graph)


PRODUCT_NODE = "product"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int8"])
def test_a_product_is_computed_whole_and_in_its_type(dtype: str, tmp_path: Path) -> None:
    (way,) = products(dtype, compiles=True)
    layers = compiled(way(_SIDE), tmp_path)
    (found,) = (item.layer for item in layers if PRODUCT_NODE in item.nodes)
    assert found.compute_dtype == dtype
    assert found.output_shapes == ((_SIDE, _SIDE),)
    # No matrix is made, copied or turned beside it; of the type that numpy lacks, both are cast.
    copied = [item for item in layers if (_SIDE, _SIDE) in item.layer.output_shapes and item.layer is not found]
    assert [item.nodes for item in copied] == ([("cast_w",), ("cast_x",)] if dtype == "bfloat16" else [])


def test_a_stream_reads_all_that_it_is_counted_with(tmp_path: Path) -> None:
    size = 1 << 22
    for kernel in streams(size, compiles=True).values():
        moved = [item.layer.moved_bytes or 0 for item in compiled(kernel, tmp_path)]
        assert kernel.amount <= max(moved) <= 1.3 * kernel.amount
        assert sum(moved) <= 1.3 * kernel.amount


def test_a_compiler_leaves_out_what_no_result_depends_on(tmp_path: Path) -> None:
    """Why such runtimes get kernels of their own: all of these are right where kernels run one by one."""
    found = {name: compiled(kernel, tmp_path) for name, kernel in streams(1 << 22, compiles=False).items()}
    (triad,) = found["triad"]
    assert triad.nodes == ("add", "one")
    assert triad.layer.output_shapes == ((1,),)
    makes, *_ = found["read"]
    assert (makes.layer.input_dtypes, makes.layer.output_shapes) == ((), ((1024, 1024),))
