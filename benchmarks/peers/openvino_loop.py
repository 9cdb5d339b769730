"""A model on OpenVINO as it comes: `python -m benchmarks.peers.openvino_loop MODEL INPUTS THREADS WARM_UP_S SECONDS`.

Its own defaults, but for float32 arithmetic and the number of threads. Dynamic sizes are fixed before compiling, which
makes it faster. Prints the wall time of each run in seconds as JSON; imports nothing of alexnet_bench.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.peers.loop import read_feeds, time_runs

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # it would report that it was imported
import openvino  # noqa: E402


def main() -> None:
    """Compiles, warms up for a while, then times runs one after the other."""
    model, inputs, threads, warm_up_s, seconds = sys.argv[1:]
    feeds = read_feeds(Path(inputs))
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape({name: list(array.shape) for name, array in feeds.items()})
    told = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": int(threads)}
    request = core.compile_model(network, "CPU", told).create_infer_request()
    samples = time_runs(
        lambda: request.infer(feeds, share_inputs=True, share_outputs=True),
        warm_up_s=float(warm_up_s),
        seconds=float(seconds),
    )
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
