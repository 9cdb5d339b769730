"""Inputs to verify on: distinct, of the right kind, made up or read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.verdict.pictures import with_shapes
from alexnet_bench.verdict.polygraphy import encode_inputs
from alexnet_bench.verdict.samples import made_up, read

ONE = {"x": Tensor("x", "float32", ("N", 3))}
TWO = {**ONE, "ids": Tensor("ids", "int64", (1, 2))}


def graph_of(**inputs: Tensor) -> Graph:
    return Graph(
        name="g", nodes=(), inputs=tuple(inputs), outputs=(), tensors=inputs, constants=frozenset(), integers={},
        live=frozenset(), opset=17, ir_version=8, sha256="",
    )  # fmt: skip


def test_made_up_inputs_are_distinct_and_the_same_every_time() -> None:
    graph = graph_of(x=Tensor("x", "float32", (1, 3, 8, 8)), ids=Tensor("ids", "int64", (1, 3)))
    one, two = (made_up(graph, count=16, seed=0, pixel_range=(-3.0, 5.0)) for _ in range(2))
    assert len({feeds["x"].tobytes() for feeds in one}) == 16
    assert all(np.array_equal(a[name], b[name]) for a, b in zip(one, two, strict=True) for name in ("x", "ids"))
    other = made_up(graph, count=16, seed=16, pixel_range=(-3.0, 5.0))
    assert not {feeds["x"].tobytes() for feeds in one} & {feeds["x"].tobytes() for feeds in other}
    assert all(feeds["x"].min() >= -3 and feeds["x"].max() <= 5 for feeds in one)


def test_few_values_are_drawn_again_until_enough_are_distinct() -> None:
    found = made_up(graph_of(ids=Tensor("ids", "int64", (5,))), count=16, seed=0, pixel_range=(0, 1))
    assert len({feeds["ids"].tobytes() for feeds in found}) == 16


@pytest.mark.parametrize("inputs", [{}, {"ids": Tensor("ids", "int64", (3,))}, {"mask": Tensor("mask", "bool", (9,))}])
def test_inputs_that_cannot_be_distinct_are_refused(inputs: dict[str, Tensor]) -> None:
    with pytest.raises(UsageError, match="distinct input") as caught:
        made_up(graph_of(**inputs), count=16, seed=0, pixel_range=(0, 1))
    assert ("--inputs" in caught.value.hint) is bool(inputs)


@pytest.mark.parametrize("shape", [(2, 3, 40, 30), (2, 40, 30, 3), (1, 1, 5, 5), (1, 3, 1, 1), (0, 3, 8, 8)])
def test_pictures_differ_in_brightness_and_stay_in_range(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).random(shape, np.float32) * 255
    made = [with_shapes(Tensor("x", "float32", shape), noise, (0.0, 255.0), seed) for seed in range(16)]
    assert all(array.shape == shape and array.dtype == np.float32 for array in made)
    if noise.size:
        assert 0 <= min(array.min() for array in made) <= max(array.max() for array in made) <= 255
        assert np.std([array.mean() for array in made]) > 10


@pytest.mark.parametrize(
    "tensor",
    [Tensor("x", "float32", (2, 5)), Tensor("x", "uint8", (1, 3, 4, 4)), Tensor("mask", "float32", (1, 3, 4, 4))],
)
def test_other_inputs_stay_as_they_are(tensor: Tensor) -> None:
    array = np.ones(tensor.sizes or (), tensor.dtype)
    assert with_shapes(tensor, array, (0, 1), 0) is array


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
    with pytest.raises(UsageError, match="the model has 2 inputs"):
        read(tmp_path, TWO)


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
