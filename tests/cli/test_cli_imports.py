"""What the command needs to be installed, and what it imports when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_bench

_PACKAGE = Path(alexnet_bench.__file__).parent
_STORED = str(Path(__file__).parents[1] / "data" / "profiles" / "alexnet-2012.json")
_HEAVY = ("numpy", "onnx", "torch", "onnxruntime")

_WITHOUT_RUNTIMES = """
import importlib.machinery, importlib.metadata, sys
missing = {"onnxruntime", "torch", "openvino", "tensorrt", "tensorrt_rtx", "pycuda", "cuda"}
find_spec = importlib.machinery.PathFinder.find_spec
def find(name, path=None, target=None):
    return None if name.partition(".")[0] in missing else find_spec(name, path, target)
importlib.machinery.PathFinder.find_spec = staticmethod(find)
importlib.metadata.packages_distributions = dict
"""
_RUN = "from alexnet_bench.cli.main import run; code = run(sys.argv[1:])"


def _python(code: str, environment: dict[str, str], *arguments: str, cwd: Path | None = None) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    "line",
    ["--help", "--version", "profile --help", "models --help", "export --help", "doctor --help", f"report {_STORED}",
     "report missing.json", "devices", "devices h100", "devices --json"],
)  # fmt: skip
def test_light_commands_import_nothing_heavy(environment: dict[str, str], line: str) -> None:
    code = f"import sys, json; {_RUN}; print(json.dumps(sorted(set({_HEAVY}) & set(sys.modules))), file=sys.stderr)"
    _, err = _python(code, environment, *line.split())
    assert json.loads(err.splitlines()[-1]) == []


def test_help_does_not_import_rich(environment: dict[str, str]) -> None:
    out, _ = _python(
        f"import sys; {_RUN}; print('rich' in sys.modules, 'msgspec' in sys.modules)", environment, "--help"
    )
    assert out.splitlines()[-1] == "False False"


def test_plain_words_are_not_taken_through_pydantic(environment: dict[str, str]) -> None:
    line = ["profile", "alexnet-2012", "--static", "--batch", "2", "--json", "-"]
    out, err = _python(f"import sys; {_RUN}; print('pydantic' in sys.modules, file=sys.stderr)", environment, *line)
    assert json.loads(out)["case"]["batch"] == 2
    assert err.splitlines()[-1] == "False"


def test_every_module_imports_without_a_runtime(environment: dict[str, str]) -> None:
    code = _WITHOUT_RUNTIMES + (
        "import importlib, pkgutil, alexnet_bench\n"
        "found = [module.name for module in pkgutil.walk_packages(alexnet_bench.__path__, 'alexnet_bench.')]\n"
        "for name in found:\n"
        "    if name not in ('alexnet_bench.__main__', 'alexnet_bench.network.torch_layers'):\n"
        "        importlib.import_module(name)\n"
        "print(len(found), sorted(missing & set(sys.modules)))"
    )
    out, _ = _python(code, environment)
    count, _, loaded = out.strip().partition(" ")
    assert int(count) == sum(1 for _ in _PACKAGE.rglob("*.py")) - 1  # itself
    assert loaded == "[]"


def test_counting_needs_no_runtime(environment: dict[str, str], tmp_path: Path) -> None:
    code = f"{_WITHOUT_RUNTIMES}\n{_RUN}\nsys.exit(code)"
    out, err = _python(code, environment, "profile", "lenet-5", "--static", cwd=tmp_path)
    assert "416,520 MAC" in out
    assert "Traceback" not in err


def test_running_without_a_runtime_gives_the_line_to_install_one(environment: dict[str, str]) -> None:
    code = f"{_WITHOUT_RUNTIMES}\n{_RUN}\nprint(code)"
    out, err = _python(code, environment, "profile", "lenet-5")
    assert out == "2\n"
    assert err.startswith("error: ")
    assert "pip install 'onnxruntime>=1.20'    # or count without a runtime: profile --static" in err
    _, err = _python(code, environment, "build-engine", "lenet-5")
    assert err.endswith("hint:  pip install 'onnxruntime>=1.20'\n")
    named, err = _python(code, environment, "profile", "lenet-5", "--backend", "onnxruntime-cpu")
    assert named == "2\n"
    assert "onnxruntime is not installed" in err


def test_the_doctor_says_what_is_missing(environment: dict[str, str]) -> None:
    out, _ = _python(f"{_WITHOUT_RUNTIMES}\n{_RUN}\nprint(code)", environment, "doctor")
    assert "missing" in out
    assert "pip install 'onnxruntime>=1.20'" in out
    assert out.endswith("2\n")
