"""`--cuda-python` and `--pycuda`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Say


@pytest.mark.parametrize("option", ["--cuda-python", "--pycuda"])
@pytest.mark.parametrize(
    ("others", "said"),
    [
        ("--backend onnxruntime-cpu", "is for tensorrt and tensorrt-rtx"),
        ("--backend all", "are for one backend"),
        ("--static", "--static runs nothing"),
    ],
)
def test_packages_for_a_device_go_with_backends_that_ask_for_one(say: Say, option: str, others: str, said: str) -> None:
    code, out, err = say("profile", "lenet-5", option, *others.split())
    assert (code, out) == (2, "")
    assert said in err
