"""TensorRT and TensorRT-RTX: one code path, whose differences stand in `flavour`."""
