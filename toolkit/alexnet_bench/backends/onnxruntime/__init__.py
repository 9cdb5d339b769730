"""ONNX Runtime: its providers as runners, its trace, and the kernels in it."""
