"""The least that times a model on ONNX Runtime: `bare_loop.py MODEL INPUTS THREADS WARM_UP_S SECONDS`.

Prints the wall time of each run in seconds as JSON. It imports onnxruntime and numpy and nothing of alexnet_bench.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

MIN_RUNS = 5


def main() -> None:
    """Warms up for a while, then times runs one after the other."""
    model, inputs, threads, warm_up_s, seconds = sys.argv[1:]
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    files = json.loads((Path(inputs) / "names.json").read_text(encoding="utf-8"))
    outputs = [output.name for output in session.get_outputs()]  # else `run` makes this list in every run
    feeds = {name: np.load(Path(inputs) / file) for name, file in files.items()}

    warm = time.perf_counter() + float(warm_up_s)
    while time.perf_counter() < warm:
        session.run(outputs, feeds)

    samples: list[float] = []
    deadline = time.perf_counter() + float(seconds)
    while time.perf_counter() < deadline or len(samples) < MIN_RUNS:
        start = time.perf_counter()
        session.run(outputs, feeds)
        samples.append(time.perf_counter() - start)
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
