"""Every example runs as its README says, and prints what it promises."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_bench

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*/*.py"))

EXPECTED = {
    "profile_a_model.py": ("squeezenet:", "attributed: 100.0 % of the kernel time"),
    "count_models.py": ("resnet50", "4,089,184,256", "25,610,152"),
    "build_engines.py": (
        "lenet-5, tensorrt-rtx, fp16\n  build    ",
        "fp16 was asked for, and 5 of 5 layers with multiply-adds compute in another type",
        "lenet-5, onnxruntime-cpu, fp32\n  build    ",
        "  inspect  100 % of the MACs have a layer; most are in conv2 + tanh2 (float32)\n  verify   passed: error ",
        "  profile  0.",
    ),
    "your_torch_model.py": (
        "classifier.onnx: 20,042 parameters, 44,831,744 MACs at batch 8",
        "classifier-openvino.onnx: ",
        "  passed: error ",
        " µs  node_linear",
    ),
}
RTX_EXPECTED = {
    "build_engines.py": ("MiB in ", " layers\n  inspect  100 % of the MACs have a layer"),
    "your_torch_model.py": ("classifier-fp32.plan: ", " bytes, float16 in 5 layers, float32 in 1 layer\n"),
}
"""What is there too where TensorRT-RTX is installed; whether its engines run depends on the machine."""
NEEDED = {"your_torch_model.py": ("torch", "onnxscript", "openvino")}
ARGUMENTS = {"build_engines.py": ("lenet-5",)}
"""Of scripts whose own choice would take a minute."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_example_runs(script: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    for module in NEEDED.get(script.name, ()):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    done = subprocess.run(
        [sys.executable, str(script), *ARGUMENTS.get(script.name, ())],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path_factory.getbasetemp() / "cache")},
    )
    assert done.returncode == 0, done.stderr
    has_rtx = importlib.util.find_spec("tensorrt_rtx") is not None
    for expected in (*EXPECTED[script.name], *(RTX_EXPECTED.get(script.name, ()) if has_rtx else ())):
        assert expected in done.stdout


@pytest.mark.parametrize("script", ["profile_a_model.py", "count_models.py"])
def test_an_example_of_nothing_is_one_message(script: str) -> None:
    (path,) = EXAMPLES.glob(f"*/{script}")
    done = subprocess.run([sys.executable, str(path), "nothing"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_example_that_lacks_torch_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    (path,) = EXAMPLES.glob("*/your_torch_model.py")
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (1, "torch is not installed: pip install torch onnxscript\n")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_example_uses_public_names_alone(script: Path) -> None:
    assert "alexnet_bench." not in "".join(re.findall(r"(?m)^(?:from|import) .*", script.read_text()))


@pytest.mark.parametrize("page", [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))])
def test_so_does_python_on_a_page(page: Path) -> None:
    blocks = "\n".join(re.findall(r"(?s)```python\n(.*?)```", page.read_text()))
    assert "from alexnet_bench." not in blocks
    assert set(re.findall(r"\balexnet_bench\.(\w+)", blocks)) <= set(alexnet_bench.__all__)


@pytest.mark.parametrize("folder", sorted({path.parent for path in SCRIPTS}), ids=lambda path: path.name)
def test_example_has_a_readme_that_names_its_script(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert all(path.name in text for path in folder.glob("*.py"))
