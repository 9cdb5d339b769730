"""Counts models without running them, and prints one line for each."""

import sys
from pathlib import Path

import alexnet_bench


def main() -> None:
    """Counts the models of a folder, or those inside the onnx package."""
    if len(sys.argv) > 1 and not Path(sys.argv[1]).is_dir():
        raise SystemExit(f"{sys.argv[1]} is no folder")
    inside = [model.name for model in alexnet_bench.models() if model.name.startswith("onnx:")]
    files = sorted(map(str, Path(sys.argv[1]).glob("*.onnx"))) if len(sys.argv) > 1 else inside
    print(f"{'model':28}{'parameters':>14}{'MAC':>18}{'FLOP':>18}{'peak MiB':>10}  nodes counted")
    for file in files:
        try:
            profile = alexnet_bench.profile(file, options=alexnet_bench.Options(static=True))
        except alexnet_bench.AlexnetBenchError as error:
            print(f"{Path(file).name:28}{error.message}")
            continue
        totals, coverage = profile.totals, profile.coverage
        peak = totals.activation_peak_bytes / 2**20
        counts = f"{profile.model.params:>14,}{totals.macs:>18,}{totals.flop:>18,}{peak:>10.1f}"
        print(f"{profile.model.name:28}{counts}  {coverage.nodes_counted} of {coverage.nodes}")


if __name__ == "__main__":
    main()
