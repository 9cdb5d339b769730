"""What onnx-tool says of each ONNX file of a folder: `onnx_tool_ops.py FOLDER`.

Prints JSON: its version, and by name of the file its MACs or why there are none.
"""

import contextlib
import importlib.metadata
import json
import sys
from pathlib import Path

import onnx_tool


def main() -> None:
    """Counts the files of the folder of the command line."""
    with contextlib.redirect_stdout(sys.stderr):
        counts = {path.stem: _count(path) for path in sorted(Path(sys.argv[1]).glob("*.onnx"))}
    print(json.dumps({"version": importlib.metadata.version("onnx-tool"), "counts": counts}))


def _count(path: Path) -> float | str:
    try:
        graph = onnx_tool.Model(str(path)).graph
        graph.graph_reorder_nodes()
        graph.shape_infer()
        graph.profile()
        return float(graph.macs[0])
    except Exception as error:  # noqa: BLE001 - that a counter cannot count is a result
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
