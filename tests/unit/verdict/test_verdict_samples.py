"""Inputs to verify on: distinct, of the right kind, made up or read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, Node, Tensor
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.verdict.pictures import Pixels, with_shapes
from alexnet_bench.verdict.polygraphy import encode_inputs
from alexnet_bench.verdict.samples import made_up, made_up_by, never_varied, read, read_first

ONE = {"x": Tensor("x", "float32", ("N", 3))}
TWO = {**ONE, "ids": Tensor("ids", "int64", (1, 2))}


def graph_of(**inputs: Tensor) -> Graph:
    return Graph(
        name="g", nodes=(), inputs=tuple(inputs), outputs=(), tensors=inputs, constants=frozenset(), integers={},
        live=frozenset(), opset=17, ir_version=8, sha256="",
    )  # fmt: skip


def test_made_up_inputs_are_distinct_and_the_same_every_time() -> None:
    graph = graph_of(x=Tensor("x", "float32", (1, 3, 8, 8)), ids=Tensor("ids", "int64", (1, 3)))
    one, two = (made_up(graph, count=16, seed=0, pixels=Pixels((-3.0, 5.0))) for _ in range(2))
    assert len({feeds["x"].tobytes() for feeds in one}) == 16
    assert all(np.array_equal(a[name], b[name]) for a, b in zip(one, two, strict=True) for name in ("x", "ids"))
    other = made_up(graph, count=16, seed=16, pixels=Pixels((-3.0, 5.0)))
    assert not {feeds["x"].tobytes() for feeds in one} & {feeds["x"].tobytes() for feeds in other}
    assert all(feeds["x"].min() >= -3 and feeds["x"].max() <= 5 for feeds in one)


def test_few_values_are_drawn_again_until_enough_are_distinct() -> None:
    found = made_up(graph_of(ids=Tensor("ids", "int64", (5,))), count=16, seed=0, pixels=Pixels((0, 1)))
    assert len({feeds["ids"].tobytes() for feeds in found}) == 16


@pytest.mark.parametrize("inputs", [{}, {"ids": Tensor("ids", "int64", (3,))}, {"mask": Tensor("mask", "bool", (9,))}])
def test_inputs_that_cannot_be_distinct_are_refused(inputs: dict[str, Tensor]) -> None:
    with pytest.raises(UsageError, match="distinct input") as caught:
        made_up(graph_of(**inputs), count=16, seed=0, pixels=Pixels((0, 1)))
    assert ("--inputs" in caught.value.hint) is bool(inputs)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("shape", [(2, 3, 40, 30), (2, 40, 30, 3), (1, 1, 5, 5), (1, 3, 1, 1), (0, 3, 8, 8)])
def test_pictures_differ_in_brightness_and_stay_in_range(shape: tuple[int, ...], dtype: str) -> None:
    noise = (np.random.default_rng(0).random(shape, np.float32) * 255).astype(dtype)
    made = [with_shapes(noise, (0.0, 255.0), seed) for seed in range(16)]
    assert all(array.shape == shape and array.dtype == dtype for array in made)
    if noise.size:
        assert 0 <= min(array.min() for array in made) <= max(array.max() for array in made) <= 255
        assert np.std([array.mean() for array in made]) > 10


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 32, 32, 3)])
def test_images_of_bytes_are_pictures_in_the_range_asked_for(shape: tuple[int, ...]) -> None:
    graph = graph_of(photo=Tensor("photo", "uint8", shape))
    found = made_up(graph, count=16, seed=0, pixels=Pixels.asked(None, (0.0, 1.0)))
    assert np.std([feeds["photo"].mean() for feeds in found]) > 10, "noise is all of one brightness"
    assert max(feeds["photo"].max() for feeds in found) > 200
    assert (
        made_up_by(graph, seed=0, pixels=Pixels.asked(None, (0.0, 1.0)))
        == "generated, seeds from 0, images in 0 to 255"
    )
    asked = Pixels.asked((-5.0, 60.5), (0.0, 1.0))
    found = made_up(graph, count=16, seed=0, pixels=asked)
    assert all(feeds["photo"].dtype == np.uint8 and feeds["photo"].max() <= 60 for feeds in found)
    assert np.std([feeds["photo"].mean() for feeds in found]) > 3
    assert made_up_by(graph, seed=3, pixels=asked) == "generated, seeds from 3, images in 0 to 60.5"
    with pytest.raises(UsageError, match="photo is of type uint8"):
        made_up(graph, count=16, seed=0, pixels=Pixels.asked((-5.0, 0.0), (0.0, 1.0)))


def test_the_range_is_told_by_input_where_it_differs_and_not_without_images() -> None:
    two = graph_of(a=Tensor("a", "float16", (1, 3, 8, 8)), b=Tensor("b", "uint8", (1, 8, 8, 3)))
    told = made_up_by(two, seed=0, pixels=Pixels.asked(None, (-1.0, 1.0)))
    assert told == "generated, seeds from 0, a in -1 to 1, b in 0 to 255"
    assert made_up_by(graph_of(**TWO), seed=0, pixels=Pixels((0, 1))) == "generated, seeds from 0"


def changing(tensor: Tensor, *nodes: Node, table: int | None = None) -> list[Feeds]:
    """Inputs of a graph with another one beside it, by which they are distinct."""
    tensors = {"x": Tensor("x", "float32", (4,)), tensor.name: tensor}
    tensors |= {"rows": Tensor("rows", "float32", (table, 8))} if table else {}
    graph = replace(
        graph_of(**tensors), inputs=("x", tensor.name), nodes=nodes, live=frozenset(node.name for node in nodes)
    )
    return made_up(graph, count=16, seed=2, pixels=Pixels((0, 1)))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float32", "float16"])
@pytest.mark.parametrize("shape", [(3, 12), (2, 1, 1, 12), (2, 1, 12, 12), (12,)])
def test_masks_vary_but_for_the_first_and_never_hide_everything(dtype: str, shape: tuple[int, ...]) -> None:
    tensor = Tensor("attention_mask", dtype, shape)
    masks = [feeds["attention_mask"] for feeds in changing(tensor)]
    assert all(mask.dtype == dtype and mask.shape == shape for mask in masks)
    assert masks[0].all()
    assert len({mask.tobytes() for mask in masks}) > 5
    kept = [mask.astype(np.int64).sum(axis=-1) for mask in masks]
    assert min(count.min() for count in kept) >= 1
    for mask, count in zip(masks, kept, strict=True):
        assert np.array_equal(mask.astype(np.int64), np.arange(shape[-1]) < count[..., None])
    if len(shape) > 1:
        assert any(len(np.unique(count)) > 1 for count in kept), "each entry has a length of its own"
    again = [feeds["attention_mask"] for feeds in changing(tensor)]
    assert all(np.array_equal(one, other) for one, other in zip(masks, again, strict=True))


@pytest.mark.parametrize("shape", [(), (0, 5), (5, 0)])
def test_masks_that_cannot_vary_stay(shape: tuple[int, ...]) -> None:
    assert all(feeds["mask"].all() for feeds in changing(Tensor("mask", "int64", shape)))


def test_ids_that_index_a_table_are_no_masks_whatever_they_are_called() -> None:
    ids = Tensor("masked_input_ids", "int64", (2, 9))
    gather = Node("gather", "Gather", "", ("rows", "masked_input_ids"), ("y",), {})
    found = [feeds["masked_input_ids"] for feeds in changing(ids, gather, table=100)]
    assert all(len(np.unique(array)) > 5 for array in found), "ones and zeros try two rows of the table"


@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_masks_of_truth_values_or_floats_vary_as_such_where_they_choose_rows(dtype: str) -> None:
    cast = Node("cast", "Cast", "", ("mask",), ("index",), {"to": 7})
    gather = Node("gather", "Gather", "", ("rows", "index"), ("y",), {})
    found = [feeds["mask"] for feeds in changing(Tensor("mask", dtype, (2, 9)), cast, gather, table=2)]
    assert len({mask.tobytes() for mask in found}) > 5


def test_token_types_vary_within_their_table_and_are_zeros_without_one() -> None:
    types = Tensor("token_type_ids", "int64", (2, 9))
    gather = Node("gather", "Gather", "", ("rows", "token_type_ids"), ("y",), {})
    found = [feeds["token_type_ids"] for feeds in changing(types, gather, table=3)]
    assert not found[0].any()
    assert {int(value) for array in found for value in np.unique(array)} == {0, 1, 2}
    assert not any(feeds["token_type_ids"].any() for feeds in changing(types))


def test_inputs_that_never_vary_are_named() -> None:
    (note,) = never_varied(changing(Tensor("segment\nids", "int64", (2, 9))))
    assert note == r"input segment\nids was the same in all 16: what depends on it was not tried"
    assert never_varied(changing(Tensor("mask", "bool", (2, 9)))) == []
    assert never_varied(changing(Tensor("none", "int64", (2, 0)))) == []


def some(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return list(np.random.default_rng(1).random((count, 2, 3), np.float32))


def test_a_folder_of_arrays_for_a_model_with_one_input(tmp_path: Path) -> None:
    for index, array in enumerate(some(16)):
        np.save(tmp_path / f"{index:02}.npy", array)
    (tmp_path / "notes.txt").write_text("not an input")
    found = read(tmp_path, ONE)
    assert all(np.array_equal(feeds["x"], array) for feeds, array in zip(found, some(16), strict=True))


def test_a_folder_of_archives(tmp_path: Path) -> None:
    for index, array in enumerate(some(16)):
        np.savez(tmp_path / f"{index:02}.npz", x=array, ids=np.array([[index, 0]]))
    assert [int(feeds["ids"][0, 0]) for feeds in read(tmp_path, TWO)] == list(range(16))


def test_a_folder_of_folders(tmp_path: Path) -> None:
    for index, array in enumerate(some(16)):
        (tmp_path / f"{index:02}").mkdir()
        np.save(tmp_path / f"{index:02}" / "x.npy", array)
        np.save(tmp_path / f"{index:02}" / "ids.npy", np.array([[index, 0]]))
    assert [int(feeds["ids"][0, 0]) for feeds in read(tmp_path, TWO)] == list(range(16))


def test_files_of_polygraphy_alone_and_in_a_folder(tmp_path: Path) -> None:
    iterations = [{"x": array} for array in some(17)]
    (tmp_path / "all.json").write_bytes(encode_inputs(iterations))
    assert len(read(tmp_path / "all.json", ONE)) == 17
    (tmp_path / "all.json").unlink()
    for index, iteration in enumerate(iterations):
        (tmp_path / f"{index:010}.json").write_bytes(encode_inputs([iteration])[1:-2])
    assert np.array_equal(read(tmp_path, ONE)[16]["x"], some(17)[16])


def save(folder: Path, *arrays: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Path:
    for index, array in enumerate(arrays):
        np.save(folder / f"{index:02}.npy", array)
    return folder


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((2, 4), np.float32), "has the shape 2x4, the model takes Nx3"),
        (np.zeros(3, np.float32), "has the shape 3, the model takes Nx3"),
        (np.zeros((2, 3)), "is of type float64, the model takes float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"input 16: x {problem}"):
        read(save(tmp_path, *some(16), array), ONE)


def test_other_files_are_all_that_helps_against_a_wrong_shape(tmp_path: Path) -> None:
    """Options for sizes are refused beside inputs that are given."""
    with pytest.raises(UsageError) as refused:
        read(save(tmp_path, *some(16), np.zeros((2, 4), np.float32)), ONE)
    assert refused.value.hint == "give other files: these sizes are numbers in the model"


def test_equal_inputs_are_not_counted_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds 15 distinct inputs, and 16 are needed"):
        read(save(tmp_path, *some(15), *some(15)), ONE)


def test_what_holds_no_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no inputs"):
        read(tmp_path, ONE)
    with pytest.raises(UsageError, match="no folder"):
        read(tmp_path / "none", ONE)
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(UsageError, match=r"bad\.npy cannot be read"):
        read(tmp_path, ONE)
    (tmp_path / "bad.npy").unlink()
    with pytest.raises(UsageError, match=r"gives 00, 01, .*, 39 and 10 more; the model takes ids, x") as caught:
        read(save(tmp_path, *some(50)), TWO)
    assert caught.value.hint.startswith("name an array after each input: ids.npy in a folder")


@pytest.mark.parametrize("kind", ["archive", "folder", "polygraphy"])
def test_one_input_is_read_in_every_form_and_too_few(kind: str, tmp_path: Path) -> None:
    """What is enough to run a model says little of how its outputs depend on the inputs."""
    feeds = {"x": some(1)[0], "ids": np.array([[1, 2]])}
    path = tmp_path / {"archive": "one.npz", "folder": "one", "polygraphy": "one.json"}[kind]
    if kind == "archive":
        np.savez(path, x=feeds["x"], ids=feeds["ids"])
    elif kind == "polygraphy":
        path.write_bytes(encode_inputs([feeds]))
    else:
        path.mkdir()
        for name, array in feeds.items():
            np.save(path / f"{name}.npy", array)
    assert {name: array.tolist() for name, array in read_first(path, list(TWO)).items()} == {
        name: array.tolist() for name, array in feeds.items()
    }
    with pytest.raises(UsageError, match="holds 1 distinct input, and 16 are needed"):
        read(path, TWO)


def test_several_inputs_in_one_folder_are_read_alike_for_a_run_and_to_verify(tmp_path: Path) -> None:
    for index, array in enumerate(some(16)):
        np.savez(tmp_path / f"{index:02}.npz", x=array, ids=np.array([[index, 0]]))
    first, *_ = read(tmp_path, TWO)
    assert np.array_equal(read_first(tmp_path, list(TWO))["x"], first["x"])


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.array([{"code": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, ONE)
    (tmp_path / "0.npy").unlink()
    np.savez(tmp_path / "0.npz", x=np.array([{"code": 1}], dtype=object))
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, ONE)


def test_other_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(encode_inputs([{"z": array} for array in some(16)]))
    with pytest.raises(UsageError, match="gives z; the model takes x"):
        read(tmp_path / "a.json", ONE)
