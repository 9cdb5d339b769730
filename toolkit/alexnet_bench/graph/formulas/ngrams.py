"""Runs of n tokens, looked up, hashed or forbidden. Integer operations count like any others."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula

_PER_WORD, _FINISH = 7, 9
"""MurmurHash3_x86_32: 2 products, a rotation, xor, rotation, product, sum per 32 bits; at the end 4 xors of which three
shift first, and 2 products (Appleby, MurmurHash3.cpp)."""
_MOST_LENGTHS = 2**16
"""More of them are the mistake of an exporter: each is looked at on its own."""


@formula("TfIdfVectorizer")
def tf_idf(op: Operation) -> Work:
    """One count per n-gram of each row, as if all were in the pool (ONNX, operator TfIdfVectorizer): an upper bound.

    Of a row of c tokens there are c - (n - 1)·(skip + 1) n-grams for each skip; n = 1 knows no skips. Modes IDF and
    TFIDF multiply each output by its weight.
    """
    shape = op.input_shape(0)
    rows, tokens = (shape[0] if len(shape) > 1 else 1), shape[-1]
    shortest, longest = max(op.integer("min_gram_length", 1), 1), min(op.integer("max_gram_length", 1), tokens)
    if longest - shortest >= _MOST_LENGTHS:
        raise UnknownShape(f"n-grams of {longest - shortest + 1:,} lengths are too many")
    skips = max(op.integer("max_skip_count", 0), 0)
    grams = sum(_grams(tokens, length, skips) for length in range(shortest, longest + 1))
    weighted = op.output_elements() if op.attribute("mode", "TF") != "TF" else 0
    return Work(flop=rows * grams + weighted, assumed="every n-gram is in the pool" if grams else "")


def _grams(tokens: int, length: int, skips: int) -> int:
    """N-grams of one length for each number of skips: a series that ends where a row has no room for more of them."""
    if length == 1:
        return tokens
    terms = min(skips + 1, (tokens - 1) // (length - 1))
    return terms * tokens - (length - 1) * terms * (terms + 1) // 2


@formula("MurmurHash3", domain=MICROSOFT)
def murmur_hash(op: Operation) -> Work:
    """A 32-bit hash of each element; the length of texts is not known."""
    bits = {"int32": 32, "uint32": 32, "float32": 32, "int64": 64, "uint64": 64, "float64": 64}.get(op.input(0).dtype)
    if bits is None:
        raise UnknownShape("the length of texts is not known")
    return Work(flop=(_PER_WORD * bits // 32 + _FINISH) * op.input_elements(0))


@formula("NGramHashMapping", "VarlenNGramHashMapping", domain=MICROSOFT)
def ngram_hash_mapping(op: Operation) -> Work:
    """Per token n products and n - 1 xors; per hash a remainder, and a sum with its offset (ContribOperators.md)."""
    longest = op.integer("max_ngram_size", 0)
    if longest < 2:
        raise UnknownShape("max_ngram_size is below 2")
    offset = op.has_input(5 if op.node.op_type.startswith("Varlen") else 4)
    return Work(flop=(2 * longest - 1) * op.input_elements(0) + (1 + offset) * op.output_elements())


@formula("NGramRepeatBlock", domain=MICROSOFT)
def ngram_repeat_block(op: Operation) -> Work:
    """The last n - 1 tokens against those at every earlier place: an upper bound, as most differ at once."""
    size = op.integer("ngram_size", 0)
    if size < 1:
        raise UnknownShape("ngram_size is below 1")
    batch, length = op.input_shape(0)
    flop = batch * max(0, length - size + 1) * (size - 1)
    return Work(flop=flop, assumed="every earlier place is compared to its end" if flop else "")
