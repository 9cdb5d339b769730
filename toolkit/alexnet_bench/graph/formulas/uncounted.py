"""Operators that stay without a formula, and why: what they do is only known at run time, or not at all."""

from __future__ import annotations

from alexnet_bench.graph.formulas.inputs import Inputs, say
from alexnet_bench.graph.formulas.registry import MICROSOFT

_TREES = "which nodes of a tree a row visits depends on its values"
_GENERATION = "the decoder inside it runs until it has made a token that ends the text"
_GLOBAL = "how many tokens attend to all others is data"
_INDEXER = "how many blocks of keys it pools and scores follows from lengths in its state, which are data"
_COMPILED = "a compiled blob for one device stands for an unknown graph"
_BLOCKS = "how many bytes a block takes is known to the device alone"

UNCOUNTED: dict[tuple[str, str], str] = {
    ("", "ImageDecoder"): "the work of decoding, and the size of the image, follow from the compressed bytes",
    ("", "MaxRoiPool"): "how many pixels lie in a region is data",
    ("", "SequenceMap"): "how many elements a sequence has is only known at run time",
    ("ai.onnx.ml", "TreeEnsemble"): _TREES,
    ("ai.onnx.ml", "TreeEnsembleClassifier"): _TREES,
    ("ai.onnx.ml", "TreeEnsembleRegressor"): _TREES,
    (MICROSOFT, "BeamSearch"): _GENERATION,
    (MICROSOFT, "BifurcationDetector"): "it compares tokens until the first that differ",
    (MICROSOFT, "DecoderAttention"): "whether keys are projected or cached is told by truth values that are inputs",
    (MICROSOFT, "DequantizeBFP"): _BLOCKS,
    (MICROSOFT, "EPContext"): _COMPILED,
    (MICROSOFT, "GreedySearch"): _GENERATION,
    (MICROSOFT, "LongformerAttention"): _GLOBAL,
    (MICROSOFT, "PackedSparseAttentionIndexer"): _INDEXER,
    (MICROSOFT, "QOrderedLongformerAttention"): _GLOBAL,
    (MICROSOFT, "QuantizeBFP"): _BLOCKS,
    (MICROSOFT, "Sampling"): _GENERATION,
    (MICROSOFT, "Snpe"): _COMPILED,
    (MICROSOFT, "SparseAttentionIndexer"): _INDEXER,
    (MICROSOFT, "SparseToDenseMatMul"): "how many elements of the sparse matrix are stored is no part of its shape",
    (MICROSOFT, "WhisperBeamSearch"): _GENERATION,
}
"""By domain and operator."""

# Their parameters count all the same.
say(MICROSOFT, "QOrderedLongformerAttention", Inputs(weights=(2, 4, 8, 10)))
for _op_type, _settings in {
    "BeamSearch": (5, 6),
    "GreedySearch": (3,),
    "PackedSparseAttentionIndexer": (4, 5),
    "Sampling": (3,),
    "SparseAttentionIndexer": (4, 5),
    "WhisperBeamSearch": (5, 6, 14),
}.items():
    say(MICROSOFT, _op_type, Inputs(settings=_settings))
