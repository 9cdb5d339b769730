"""Which first dimension is a batch, by which rates are multiplied."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from alexnet_bench import Options, Profile, profile
from tests.unit.workflows.verify_models import write

Shape = list[int | str | None]


def counted(tmp_path: Path, declared: Shape, batch: int | None = None) -> Profile:
    """Of a Relu over 12 rows, or 12 numbers."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, declared) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    given = None if batch else {"x": [12, *(dim for dim in declared[1:] if isinstance(dim, int))]}
    return profile(write(tmp_path / "m.onnx", model), batch=batch, options=Options(static=True, shapes=given))


@pytest.mark.parametrize(
    ("declared", "images"),
    [
        ([12, 4], 12),
        (["N", 4], 12),
        (["batch_size", 4], 12),
        (["s27", 4], 12),
        ([None, 4], 12),
        (["N"], 12),
        ([12], 1),
        (["s27"], 1),
        (["samples"], 1),
        (["T", 4], 1),
        (["num_nodes", 4], 1),
    ],
)
def test_the_first_dimension_is_a_batch_unless_it_is_the_only_one_or_called_otherwise(
    tmp_path: Path, declared: Shape, images: int
) -> None:
    found = counted(tmp_path, declared)
    assert found.case.batch == images
    notes = [caution.message for caution in found.warnings if caution.code == "no-batch"]
    assert notes == (
        [] if images > 1 else ["the first dimension of x, 12, is not taken for a batch: rates are of whole runs"]
    )


@pytest.mark.parametrize("declared", [[12], ["T", 4]])
def test_a_batch_that_is_asked_for_is_one(tmp_path: Path, declared: Shape) -> None:
    found = counted(tmp_path, declared, batch=12)
    assert found.case.batch == 12
    assert "no-batch" not in {caution.code for caution in found.warnings}
