"""Profiles a model and prints where its time goes."""

import sys

import alexnet_bench


def main() -> None:
    """Profiles the model named on the command line for about two seconds."""
    model = sys.argv[1] if len(sys.argv) > 1 else "onnx:squeezenet"
    try:
        profile = alexnet_bench.profile(model, options=alexnet_bench.Options(seconds=1.0))
    except alexnet_bench.AlexnetBenchError as error:
        raise SystemExit(f"{error.message}\n{error.hint}") from None
    if profile.latency is None:
        raise SystemExit("nothing was measured")
    low, high = profile.latency.ci95_s
    print(f"{profile.model.name}: {profile.latency.median_s * 1e3:.2f} ms ({low * 1e3:.2f} to {high * 1e3:.2f})")
    for layer in sorted(profile.layers, key=lambda layer: -(layer.time_s or 0.0))[:3]:
        share = 100 * (layer.time_fraction or 0.0)
        print(f"{share:5.1f} %  {layer.name}: {(layer.flop or 0) / 1e6:.1f} MFLOP, bound by {layer.bound}")
    print(f"attributed: {100 * (profile.coverage.time_attributed_fraction or 0.0):.1f} % of the kernel time")


if __name__ == "__main__":
    main()
