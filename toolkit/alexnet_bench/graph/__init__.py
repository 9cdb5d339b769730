"""ONNX files read into a Graph, and the cost formulas of its operators."""
