"""What TensorRT says of a node, in releases that are not here, with the hint that helps."""

from __future__ import annotations

import pytest

from alexnet_bench.backends.tensorrt.refusal import Refused, build_refusal, parser_refusal, refused_tensor


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Plugin not found, are the plugin name, version, and namespace correct?", "may have this operator: --plugins"),
        (
            "Op type Nothing is not supported in TensorRT-RTX.",
            "since 1.7 (--plugins FILE): pip install -U",
        ),
    ],
    ids=["1.7", "1.4 to 1.6"],
)
def test_plugins_are_proposed_where_the_parser_looks_for_them(said: str, hint: str) -> None:
    refused = parser_refusal(Refused("tensorrt-rtx", "odd", "Nothing", "elsewhere", keep="odd"), said)
    assert refused.message == f"tensorrt-rtx does not take node odd (elsewhere.Nothing): {said}"
    assert hint in refused.hint


_DUMP = """IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([type.cpp:186: infer_type]
Could not infer output types for operation:   136: deconv: e/bfloat16{end} |
d/bfloat16-(bf16[2,12,17,14][]so[], mem_prop=0, align=2),
c4 filterWeightsBFloat16-{{-1.39844}}(bf16[12,4,3,4][48,12,4,1]so[3,2,1,0], mem_prop=0)<entry>)"""


@pytest.mark.parametrize("end", ["-(bf16[2,4,18,16][]so[], mem_prop=0, align=2)", "_before_bias-"])
def test_a_dump_of_tensors_is_cut_and_tells_which_is_made(end: str) -> None:
    errors = [_DUMP.format(end=end)]
    assert refused_tensor(errors) == "e/bfloat16"
    refused = build_refusal(Refused("tensorrt-rtx", "c 4", "ConvTranspose", keep="c 4"), errors)
    assert refused.message == (
        "tensorrt-rtx cannot build node c 4 (ConvTranspose): IBuilder::buildSerializedNetwork: Error Code 1: "
        "Myelin ([type.cpp:186: infer_type] Could not infer output types for operation:   136: deconv: e/bfloat16 ..."
    )
    assert "build-engine --keep-fp32 'c 4';" in refused.hint
    again = build_refusal(Refused("tensorrt-rtx", "c", "ConvTranspose", keep="c", kept=("c 4", "Conv")), errors)
    assert "build-engine --keep-fp32 'c 4' --keep-fp32 Conv --keep-fp32 c;" in again.hint
    assert build_refusal(Refused("tensorrt-rtx"), errors).hint.startswith("build it for another backend")


@pytest.mark.parametrize(
    ("said", "passes", "proposed"),
    [
        ("The bias must be an initializer.", (), True),
        ("The bias must be an initializer.", ("fold-constants", "bf16"), False),
        ("encoder.weights has other types than constant_1", (), False),
    ],
)
def test_a_pass_is_proposed_for_what_is_said_and_not_for_a_name_nor_twice(
    said: str, passes: tuple[str, ...], proposed: bool
) -> None:
    refused = parser_refusal(Refused("tensorrt-rtx", "fc", "Gemm", keep="fc", passes=passes), said)
    assert ("--pass fold-constants" in refused.hint) == proposed
    assert ("--keep-fp32 fc" in refused.hint) == (not proposed)
