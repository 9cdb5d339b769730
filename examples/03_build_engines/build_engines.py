"""Builds float32 and float16 engines of a network on every runtime that is here; looks at, verifies and runs each."""

import itertools
import sys

import alexnet_bench

BACKENDS = ("tensorrt", "tensorrt-rtx", "onnxruntime-cpu", "openvino")
PRECISIONS = ("fp32", "fp16")


def look(engine: alexnet_bench.Passport, _: str) -> str:
    """Says by the engine's files what it does; nothing is run."""
    found = alexnet_bench.inspect(engine.key)
    largest = max(found.layers, key=lambda layer: layer.macs or 0)
    attributed = 100 * (engine.macs_attributed_fraction or 0.0)
    return f"{attributed:.0f} % of the MACs have a layer; most are in {largest.name} ({largest.compute_dtype})"


def verify(engine: alexnet_bench.Passport, model: str) -> str:
    """Compares its outputs with the model's, which runs in float32 on ONNX Runtime."""
    found = alexnet_bench.verify(engine.path, against=model)
    return f"{found.verdict}: error {found.outputs[0].error:.1e}, allowed {found.outputs[0].tolerance:.1e}"


def profile(engine: alexnet_bench.Passport, _: str) -> str:
    """Runs it, and names the layer that takes longest."""
    found = alexnet_bench.profile(engine.path, options=alexnet_bench.Options(seconds=0.5, processes=1))
    slowest = max(found.layers, key=lambda layer: layer.time_s or 0.0)
    share = 100 * (slowest.time_fraction or 0.0)
    median_s = found.latency.median_s if found.latency else float("nan")
    return f"{median_s * 1e3:.3f} ms; {share:.0f} % of the kernels' time is in {slowest.name}"


def main() -> None:
    """Takes each engine through all steps; a step that cannot be done here says why."""
    model = sys.argv[1] if len(sys.argv) > 1 else "alexnet-2012"
    for backend, precision in itertools.product(BACKENDS, PRECISIONS):
        print(f"{model}, {backend}, {precision}")
        try:
            engine = alexnet_bench.build_engine(
                model, options=alexnet_bench.BuildOptions(backend=backend, precision=precision)
            )
        except alexnet_bench.AlexnetBenchError as error:
            print(f"  build    {error.message}")
            continue
        types = ", ".join(
            f"{dtype} in {count} layer{'s' * (count > 1)}" for dtype, count in engine.compute_dtypes.items()
        )
        print(f"  build    {engine.size_bytes / 2**20:.1f} MiB in {engine.build_s:.1f} s: {types}")
        for name, step in (("inspect", look), ("verify", verify), ("profile", profile)):
            try:
                print(f"  {name:8} {step(engine, model)}")
            except alexnet_bench.AlexnetBenchError as error:
                print(f"  {name:8} {error.message}")


if __name__ == "__main__":
    main()
