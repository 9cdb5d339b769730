from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet_bench.core.errors import PrecisionError
from alexnet_bench.core.passport import EngineLayerInfo, Passport, count_types
from alexnet_bench.core.profile import SharedNode
from alexnet_bench.engine.computed_types import Asked, all_kept, check_kept, check_types, narrowed, not_kept, untold


def _layer(name: str, dtype: str, macs: int | None = 10) -> EngineLayerInfo:
    return EngineLayerInfo(name, (name,), (), dtype, (dtype,), (dtype,), macs)


def _check(
    precision: str,
    *layers: EngineLayerInfo,
    kept: tuple[str, ...] = (),
    quantised: bool = False,
    unable: dict[str, str] | None = None,
    products: tuple[str, ...] = (),
    wide: tuple[str, ...] = (),
    can_keep: bool = True,
) -> None:
    check_types(Asked(precision, quantised, kept, unable or {}, products, wide, can_keep), layers)


def test_the_type_that_was_asked_for_passes() -> None:
    _check("fp32", _layer("a", "float32"), _layer("b", "float32"))
    _check("bf16", _layer("a", "bfloat16"), _layer("not told", ""))


def test_nothing_asked_for_takes_every_type() -> None:
    _check("", _layer("a", "float32"), _layer("b", "int8"))


@pytest.mark.parametrize(("asked", "computed"), [("fp16", "float32"), ("bf16", "float32"), ("fp32", "bfloat16")])
def test_another_type_is_an_error_that_names_the_layers(asked: str, computed: str) -> None:
    with pytest.raises(PrecisionError) as caught:
        _check(
            asked,
            _layer("good", {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}[asked]),
            _layer("bad", computed),
        )
    assert caught.value.exit_code == 1
    assert f"1 of 2 layers with multiply-adds computes in another type: bad ({computed})" in caught.value.message
    assert "good" not in caught.value.message


def test_what_multiplies_float64_in_the_model_may_go_on_to_where_float32_is_asked_for() -> None:
    _check("fp32", _layer("a", "float64"), wide=("a",))
    for asked, wide in (("fp32", ()), ("fp16", ("a",)), ("bf16", ("a",))):
        with pytest.raises(PrecisionError, match=r"a \(float64\)"):
            _check(asked, _layer("a", "float64"), wide=wide)


def test_tf32_where_float32_was_asked_for_is_an_error_that_says_how_to_ask_for_it() -> None:
    with pytest.raises(PrecisionError, match=r"a \(tf32\)") as caught:
        _check("fp32", _layer("a", "tf32"))
    assert caught.value.hint == "leave tf32 out of the recipe's settings, or ask for it: --precision tf32"
    _check("tf32", _layer("a", "tf32"))


def test_products_that_do_not_stay_in_float32_are_an_error_where_that_was_asked_for() -> None:
    layers = [
        _layer("a", "bfloat16"),
        _layer("b", "float32"),
        _layer("c", "tf32"),
        _layer("d", ""),
        _layer("e", "int8"),
        EngineLayerInfo("a + c", (), (SharedNode("c", 0.0), SharedNode("a", 0.5)), "float16", (), (), 10),
    ]
    wrong = not_kept(layers, kept_fp32="abcde", products="abcd")
    assert wrong == {"a": "float16"}
    with pytest.raises(PrecisionError, match=r"^1 node that should stay in float32 does not: a \(float16\)$"):
        check_kept({"a"}, wrong | {"not asked for": "float16"})
    (said,) = check_kept({"other"}, {f"n{at}": "bfloat16" for at in range(20)})
    assert said.startswith(
        "20 nodes that should stay in float32 do not, as the backend narrows them all the same: n0 (bfloat16), n1"
    )
    assert said.endswith(" and 8 more")
    assert check_kept({"a"}, {}) == ()


def test_less_than_float64_is_said() -> None:
    layers = [_layer("a", "float32"), _layer("b", "float64"), _layer("c", ""), _layer("d", "float16")]
    (said,) = narrowed(layers, {"a", "b", "c", "d"})
    assert said == "2 layers multiply float64 in the model, and float16 and float32 here: a, d"
    assert narrowed(layers, {"b"}) == narrowed(layers, ()) == ()
    (said,) = narrowed([_layer(f"n{number}", "float32") for number in range(20)], {f"n{at}" for at in range(20)})
    assert said.endswith("n11 and 8 more")


def test_layers_of_unknown_type_are_said_where_one_was_asked_for() -> None:
    layers = [_layer("a", "float16"), _layer("b", ""), _layer("c", "")]
    (said,) = untold(Asked("fp16"), layers)
    assert said == "the runtime does not say what these compute in, and it was not compared: b, c"
    assert untold(Asked(""), layers) == untold(Asked("fp16"), layers[:1]) == ()


def test_only_a_dozen_are_named() -> None:
    with pytest.raises(PrecisionError, match=r"n11 \(float32\) and 8 more"):
        _check("fp16", *(_layer(f"n{number}", "float32") for number in range(20)))


def test_nodes_that_were_kept_may_stay_in_float32_and_in_nothing_else() -> None:
    _check("fp16", _layer("kept", "float32"), kept=("kept",))
    with pytest.raises(PrecisionError):
        _check("fp16", _layer("kept", "bfloat16"), kept=("kept",))


def test_what_could_not_be_changed_is_wrong_with_its_reason() -> None:
    reasons = {"conv": "Conv takes no bfloat16 before opset 22", "if": "a graph inside it reads and makes float32"}
    with pytest.raises(PrecisionError, match=r"conv \(float32: Conv takes no bfloat16 before opset 22\)") as caught:
        _check("bf16", _layer("conv", "float32"), unable=reasons)
    assert "--opset 22" in caught.value.hint
    with pytest.raises(PrecisionError, match=r"conv \(bfloat16\)$"):
        _check("fp16", _layer("conv", "bfloat16"), unable={"conv": "it is of float64, not of float32"})
    with pytest.raises(PrecisionError, match=r"if \(float32: a graph inside it") as caught:
        _check("bf16", _layer("if", "float32"), _layer("good", "bfloat16"), unable=reasons)
    assert "--keep-fp32 NAME" in caught.value.hint


def test_what_takes_the_type_in_no_opset_is_proposed_to_be_kept_beside_what_is_kept_already() -> None:
    reasons = {"es": "Einsum takes no bfloat16"}
    layers = [_layer("ct", "float32"), _layer("es", "float32")]
    with pytest.raises(PrecisionError, match=r"1 of 2 .*: es \(float32: Einsum takes no bfloat16\)$") as caught:
        _check("bf16", *layers, unable=reasons, products=("ct", "es"), kept=("ct",))
    assert caught.value.hint == ("the reason stands behind each; or keep it in float32: build-engine --keep-fp32 es")


def test_what_to_type_repeats_what_was_typed() -> None:
    asked = Asked("fp16", products=("a", "b"), kept_fp32=("c",), can_keep=True, given=("Softmax", "c"))
    with pytest.raises(PrecisionError) as caught:
        check_types(asked, [_layer("a", "float32"), _layer("b", "float16")])
    assert caught.value.hint.endswith("build-engine --keep-fp32 Softmax --keep-fp32 c --keep-fp32 a")


def test_a_layer_is_named_after_its_largest_product_with_what_to_type_to_keep_it() -> None:
    """Its own name begins with casts that passes put in, and is cut."""
    nodes = ("exp", "a dot", "m/MatMul")
    fused = EngineLayerInfo("r/to_float16 + ...", nodes[:2], (SharedNode(nodes[2], 0.5),), "float32", (), (), 10)
    with pytest.raises(PrecisionError) as caught:
        _check("fp16", fused, _layer("elsewhere", "float16"), products=("m/MatMul", "elsewhere", "a dot"))
    assert caught.value.message.endswith("in another type: m/MatMul with 2 other nodes (float32)")
    assert caught.value.hint.endswith("keep them in float32: build-engine --keep-fp32 m/MatMul --keep-fp32 'a dot'")
    with pytest.raises(PrecisionError) as caught:
        _check("fp16", fused, _layer("good", "float16"), products=("m/MatMul", "a dot"), kept=("a dot",))
    assert caught.value.hint.endswith("keep it in float32: build-engine --keep-fp32 m/MatMul")


def test_a_node_that_several_layers_compute_parts_of_is_named_once() -> None:
    parts = [
        EngineLayerInfo(f"part {at}", (f"relu{at}",) * at, (SharedNode("choice", 0.25),), "float32", (), (), 10)
        for at in range(4)
    ]
    with pytest.raises(PrecisionError) as caught:
        check_types(Asked("fp16", products=["choice"]), parts)
    assert caught.value.message.startswith("fp16 was asked for, and 4 of 4 layers")
    assert caught.value.message.count("choice") == 1


def test_a_product_that_a_layer_only_adds_to_is_not_its_name() -> None:
    fused = EngineLayerInfo("add + dot", ("add",), (SharedNode("dot", 0.0),), "float32", (), (), 10)
    with pytest.raises(PrecisionError, match=r"in another type: add \+ dot \(float32\)$"):
        _check("fp16", fused, products=("dot",))


@pytest.mark.parametrize("names", ["abcde", ("new\nline",)])
def test_names_that_are_many_or_cannot_be_typed_are_not_in_the_hint(names: tuple[str, ...]) -> None:
    with pytest.raises(PrecisionError) as caught:
        _check("fp16", _layer("good", "float16"), *(_layer(name, "float32") for name in names), products=tuple(names))
    assert caught.value.hint == "keep the nodes in float32: build-engine --keep-fp32 NAME, for each"


def test_to_keep_all_that_multiplies_is_no_advice_and_said_where_it_was_done() -> None:
    layers = [_layer("a", "float32"), _layer("b", "float32"), _layer("moves", "")]
    with pytest.raises(PrecisionError) as caught:
        check_types(Asked("fp16", products=("a", "b"), kept_fp32=("b",), can_keep=True), layers)
    assert "keep" not in caught.value.hint
    kept = Asked("fp16", products=("a", "b"), kept_fp32=("a", "b"), can_keep=True)
    check_types(kept, layers)
    (note,) = all_kept(kept, layers)
    assert note == "fp16 was asked for, and nothing that multiplies computes in it: all of that is kept in float32"
    assert all_kept(kept, [*layers, _layer("c", "float16")]) == ()
    assert all_kept(replace(kept, precision="fp32"), layers) == ()


@pytest.mark.parametrize(("computed", "can_keep"), [("float32", False), ("bfloat16", True)])
def test_nodes_are_only_to_be_kept_where_that_can_be_said_and_helps(computed: str, can_keep: bool) -> None:
    with pytest.raises(PrecisionError) as caught:
        _check("fp16", _layer("a", computed), can_keep=can_keep)
    assert caught.value.hint == "give the --precision that this backend has kernels for, or another --backend"


def test_a_backend_that_has_kernels_of_the_type_is_not_said_to_lack_them() -> None:
    asked = Asked("bf16", products=("a", "b", "c"), can_keep=True)
    layers = [_layer("a", "bfloat16"), _layer("b", "float32")]
    with pytest.raises(PrecisionError, match=r"b \(float32\)$") as caught:
        check_types(asked, layers)
    assert caught.value.hint == "keep it in float32: build-engine --keep-fp32 b"
    with pytest.raises(PrecisionError) as caught:  # what does not stay in float32 either cannot be kept there
        check_types(asked, [*layers, _layer("c", "float16")])
    assert caught.value.hint == "give the --precision that this backend has kernels for, or another --backend"


def test_a_product_is_not_excused_by_a_kept_node_that_it_is_fused_with() -> None:
    fused = EngineLayerInfo("conv + norm", ("conv", "norm"), (), "float32", (), (), 10)
    _check("fp16", fused, kept=("norm",))
    _check("fp16", fused, kept=("conv", "norm"), products=("conv",))
    with pytest.raises(PrecisionError):
        _check("fp16", fused, kept=("norm",), products=("conv",))


def test_a_model_of_another_type_is_built_in_that() -> None:
    with pytest.raises(PrecisionError) as caught:
        _check("fp32", _layer("a", "float16"))
    assert caught.value.hint == "if the model itself is in float16: --precision fp16"


def test_bytes_are_fine_where_the_user_quantised() -> None:
    _check("fp32", _layer("q", "uint8"), quantised=True)
    with pytest.raises(PrecisionError):
        _check("fp32", _layer("q", "uint8"))


def test_types_are_counted_for_layers_of_the_user(passport: Passport) -> None:
    reorder = EngineLayerInfo("Reorder:x", (), (), "float32", (), (), 0)
    silent = replace(passport.layers[0], compute_dtype="")
    assert count_types((*passport.layers, reorder, silent, _layer("q", "int8"))) == {"float32": 2, "int8": 1}
