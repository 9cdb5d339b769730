"""The least that uses ONNX Runtime's profiler: `profiled_loop.py MODEL INPUTS THREADS SECONDS MAX_RUNS TRACE`.

Prints the wall time of each profiled run in seconds as JSON; the trace goes to a file that begins with TRACE.
It imports onnxruntime and numpy and nothing of alexnet_bench.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

WARM_UP_RUNS = 3
MIN_RUNS = 5


def main() -> None:
    """Warms up with a few runs, because the trace holds only so many, then times runs one after the other."""
    model, inputs, threads, seconds, max_runs, trace = sys.argv[1:]
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.enable_profiling = True
    options.profile_file_prefix = trace
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    files = json.loads((Path(inputs) / "names.json").read_text(encoding="utf-8"))
    outputs = [output.name for output in session.get_outputs()]
    feeds = {name: np.load(Path(inputs) / file) for name, file in files.items()}

    for _ in range(WARM_UP_RUNS):
        session.run(outputs, feeds)

    samples: list[float] = []
    deadline = time.perf_counter() + float(seconds)
    while len(samples) < MIN_RUNS or (len(samples) < int(max_runs) and time.perf_counter() < deadline):
        start = time.perf_counter()
        session.run(outputs, feeds)
        samples.append(time.perf_counter() - start)
    session.end_profiling()
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
