"""Exports a torch module to ONNX, builds engines from that, and verifies and profiles each."""

from pathlib import Path

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("torch is not installed: pip install torch onnxscript") from None

import alexnet_bench

MODEL = Path("classifier.onnx")
ENGINES = {
    "classifier-fp32.plan": alexnet_bench.BuildOptions(backend="tensorrt-rtx", precision="fp32", batch=8),
    "classifier-fp16.plan": alexnet_bench.BuildOptions(backend="tensorrt-rtx", precision="fp16", batch=8),
    "classifier-openvino.onnx": alexnet_bench.BuildOptions(backend="openvino", precision="fp32", batch=8),
}


class Classifier(torch.nn.Module):
    """Stands for yours: images of 3x32x32 to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, padding=1),
            torch.nn.BatchNorm2d(32),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(32, 64, 3, padding=1),
            torch.nn.BatchNorm2d(64),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1),
        )
        self.head = torch.nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.head(self.features(image).flatten(1))


def export(module: torch.nn.Module, path: Path) -> None:
    """Writes the module as it computes in inference, for batches of any size."""
    torch.onnx.export(
        module.eval(),
        (torch.zeros(2, 3, 32, 32),),
        path,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def try_out(output: str, options: alexnet_bench.BuildOptions) -> None:
    """Builds an engine, compares it with the model, and runs it layer by layer."""
    engine = alexnet_bench.build_engine(MODEL, options=options, output=output)
    types = ", ".join(f"{dtype} in {count} layer{'s' * (count > 1)}" for dtype, count in engine.compute_dtypes.items())
    print(f"{output}: {engine.size_bytes:,} bytes, {types}")
    found = alexnet_bench.verify(output, against=MODEL)
    print(f"  {found.verdict}: error {found.outputs[0].error:.1e}, allowed {found.outputs[0].tolerance:.1e}")
    profile = alexnet_bench.profile(output, options=alexnet_bench.Options(seconds=0.5, processes=1))
    for layer in profile.layers:
        print(f"  {(layer.time_s or 0.0) * 1e6:6.1f} µs  {layer.name}")


def main() -> None:
    """Everything from the module to the profile; what cannot be done here says why."""
    torch.manual_seed(0)
    try:
        export(Classifier(), MODEL)
    except ImportError as error:
        raise SystemExit(f"torch cannot write ONNX here: {error}; pip install onnxscript") from None
    counted = alexnet_bench.profile(MODEL, batch=8, options=alexnet_bench.Options(static=True))
    print(f"{MODEL}: {counted.model.params:,} parameters, {counted.totals.macs:,} MACs at batch 8")
    for output, options in ENGINES.items():
        try:
            try_out(output, options)
        except alexnet_bench.AlexnetBenchError as error:
            print(f"  {error.message}")


if __name__ == "__main__":
    main()
