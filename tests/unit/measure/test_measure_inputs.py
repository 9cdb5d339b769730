"""Inputs that are made up from a model's declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from alexnet_bench.core.errors import BackendRefusal, ShapeError
from alexnet_bench.core.graph import Graph, Node, Tensor
from alexnet_bench.measure.inputs import generate, vocabularies

Shape = tuple[int | str | None, ...]


def graph_of(inputs: Mapping[str, tuple[str, Shape | None]], nodes: Sequence[Node] = (), **constants: Shape) -> Graph:
    tensors = {name: Tensor(name, dtype, shape) for name, (dtype, shape) in inputs.items()}
    tensors |= {name: Tensor(name, "float32", shape) for name, shape in constants.items()}
    return Graph(
        name="made",
        nodes=tuple(nodes),
        inputs=tuple(inputs),
        outputs=(),
        tensors=tensors,
        constants=frozenset(constants),
        integers={},
        live=frozenset(node.name for node in nodes),
        opset=17,
        ir_version=8,
        sha256="",
    )


def gather(table: str, ids: str, **attributes: int) -> Node:
    return Node(f"gather {ids}", "Gather", "", (table, ids), (f"rows of {ids}",), attributes)


def one(dtype: str, shape: Shape | None, *, name: str = "x", seed: int = 0, **options: Any) -> np.ndarray[Any, Any]:
    return generate(graph_of({name: (dtype, shape)}), seed=seed, **options)[name]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_have_their_type_and_are_finite(dtype: str) -> None:
    array = one(dtype, (64, 10))
    assert array.dtype == dtype
    assert np.isfinite(array).all()
    assert 0.8 < array.astype(np.float64).std() < 1.2


def test_a_bfloat16_input_is_a_float32_array_of_its_values() -> None:
    made = one("bfloat16", (4, 9))
    assert made.dtype == np.float32
    assert np.count_nonzero(made) == made.size
    assert not (made.view(np.uint32) & 0xFFFF).any()


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 16, 16), (2, 16, 16, 3), (2, 16, 16, 4)])
def test_images_lie_in_the_range_of_pixels(shape: Shape) -> None:
    array = one("float32", shape, pixel_range=(-10.0, 30.0))
    assert array.min() >= -10
    assert array.max() <= 30
    assert array.max() - array.min() > 35
    assert one("float32", shape).min() >= 0


def test_bytes_of_the_shape_of_images_span_all_values() -> None:
    array = one("uint8", (1, 3, 64, 64))
    assert (array.min(), array.max()) == (0, 255)


def test_the_same_seed_gives_the_same_values_and_another_seed_others() -> None:
    graph = graph_of({"a": ("float32", (1, 3, 8, 8)), "b": ("int64", (50,)), "c": ("float32", (7,))})
    first, again, other = (generate(graph, seed=seed) for seed in (3, 3, 4))
    assert list(first) == ["a", "b", "c"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8"])
def test_ids_stay_within_the_table_that_they_index(dtype: str) -> None:
    nodes = [gather("words", "ids"), gather("few", "kinds", axis=-2)]
    inputs: dict[str, tuple[str, Shape | None]] = {"ids": (dtype, (4, 200)), "kinds": ("int64", (4, 200))}
    graph = graph_of(inputs, nodes, words=(30_000, 8), few=(5, 8))
    assert vocabularies(graph) == {"ids": 30_000, "kinds": 5}
    arrays = generate(graph, seed=0)
    assert arrays["ids"].dtype == dtype
    assert arrays["ids"].min() >= 0
    assert arrays["ids"].max() < 30_000
    assert arrays["ids"].max() > 50
    assert set(np.unique(arrays["kinds"])) == {0, 1, 2, 3, 4}


def test_ids_are_followed_through_casts_and_the_smallest_table_counts() -> None:
    cast = Node("cast", "Cast", "", ("ids",), ("as int64",), {"to": 7})
    nodes = [cast, gather("words", "as int64"), Node("again", "Gather", "", ("few", "ids"), ("other",), {})]
    graph = graph_of({"ids": ("int32", (3, 40))}, nodes, words=(100, 8), few=(9, 8))
    assert vocabularies(graph) == {"ids": 9}


def test_ids_without_a_known_table_are_small() -> None:
    assert one("int64", (100,)).max() <= 1


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32", "bool"])
@pytest.mark.parametrize("shape", [(2, 5), (2, 1, 5, 5)])
def test_masks_are_ones_in_every_measurement(dtype: str, shape: Shape) -> None:
    arrays = [one(dtype, shape, name="attention_mask", seed=seed) for seed in range(3)]
    assert all(array.dtype == dtype and (array == 1).all() for array in arrays)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint16"])
def test_ids_that_index_a_table_are_no_masks_whatever_they_are_called(dtype: str) -> None:
    shape = (2, 50)
    inputs: dict[str, tuple[str, Shape | None]] = {"masked_input_ids": (dtype, shape), "mask": (dtype, shape)}
    arrays = generate(graph_of(inputs, [gather("words", "masked_input_ids")], words=(100, 8)), seed=0)
    assert len(np.unique(arrays["masked_input_ids"])) > 20
    assert arrays["masked_input_ids"].max() < 100
    assert (arrays["mask"] == 1).all()


def test_a_mask_of_floats_or_truth_values_stays_one_where_it_chooses_rows() -> None:
    for dtype in ("float32", "bool"):
        cast = Node("cast", "Cast", "", ("mask",), ("index",), {"to": 7})
        graph = graph_of({"mask": (dtype, (2, 5))}, [cast, gather("two", "index")], two=(2, 8))
        assert (generate(graph, seed=0)["mask"] == 1).all()


def test_token_types_are_zeros_and_positions_count_up_within_their_table() -> None:
    assert not one("int64", (2, 5), name="token_type_ids").any()
    assert one("int64", (2, 5), name="position_ids").tolist() == [[0, 1, 2, 3, 4]] * 2
    short = graph_of({"position_ids": ("int64", (1, 5))}, [gather("places", "position_ids")], places=(3, 8))
    assert generate(short, seed=0)["position_ids"].tolist() == [[0, 1, 2, 0, 1]]


@pytest.mark.parametrize("shape", [(), (0, 4), (1,)])
def test_scalars_and_empty_tensors(shape: Shape) -> None:
    for dtype in ("float32", "int64", "bool"):
        assert one(dtype, shape).shape == shape
    assert one("int64", shape, name="position_ids").shape == shape


@pytest.mark.parametrize("dtype", ["string", "", "complex64", "float8e4m3fn", "int4", "uint2"])
def test_types_that_cannot_be_made_up_are_refused_by_name(dtype: str) -> None:
    with pytest.raises(BackendRefusal, match=r"odd\\n name") as caught:
        one(dtype, (2,), name="odd\n name")
    assert "profile --static" in caught.value.hint


@pytest.mark.parametrize("shape", [None, ("N", 3), (None, 3)])
def test_an_unknown_shape_asks_for_it(shape: Shape | None) -> None:
    with pytest.raises(ShapeError) as caught:
        one("float32", shape)
    assert "--shape" in caught.value.hint
