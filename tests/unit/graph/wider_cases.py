"""Cases worked out by hand: signals, losses, sequences, texts, linear attention, and the domain ai.onnx.ml."""

from __future__ import annotations

from tests.unit.graph.formula_case import Case

ROW = (3, 5)  # 15 elements
ONE = ()

SIGNAL = [
    # 8 real numbers: 2.5 · 8 · 3 = 60, twice; complex ones 120
    Case("DFT", [(2, 8, 1)], (2, 8, 2), flop=120),
    Case("DFT", [(2, 8, 1)], (2, 5, 2), flop=120, attributes={"onesided": 1}),
    Case("DFT", [(2, 8, 2)], (2, 8, 2), flop=240),
    Case("DFT", [(2, 8, 2)], (2, 8, 2), flop=240, attributes={"inverse": 1}),
    Case("DFT", [(2, 5, 2)], (2, 8, 1), flop=120, attributes={"inverse": 1, "onesided": 1}),
    # padded to 16: 2.5 · 16 · 4 = 160
    Case("DFT", [(2, 8, 1), ONE], (2, 9, 2), flop=320, attributes={"onesided": 1}, constants={1: 16}),
    Case("DFT", [(2, 4, 8, 1)], (2, 4, 8, 2), flop=480, attributes={"axis": 2}),
    Case("DFT", [(2, 4, 8, 1), None, ONE], (2, 4, 8, 2), flop=480, constants={2: -2}),
    # 2.5 · 6 · 2.58496 = 38.8
    Case("DFT", [(1, 6, 1)], (1, 6, 2), flop=39),
    # 2·3 frames of 8: 8 products with the window and 60
    Case("STFT", [(2, 16, 1), ONE, (8,)], (2, 3, 5, 2), flop=408),
    Case("STFT", [(2, 16, 1), ONE, None, ONE], (2, 3, 5, 2), flop=360, constants={3: 8}),
    Case("STFT", [(2, 16, 2), ONE, (8,)], (2, 3, 8, 2), flop=6 * (16 + 120), attributes={"onesided": 0}),
    Case("STFT", [(2, 16), ONE], (2, 1, 9, 2), flop=320),
    # 5 bins of 4 bands: 2 each; 6 edges come back by 4 and a power, 2 go there by a logarithm
    Case("MelWeightMatrix", [ONE] * 5, (5, 4), 0, 40 + 24, 8),
    Case("HannWindow", [ONE], (7,), 0, 21, 7),
    Case("HammingWindow", [ONE], (7,), 0, 21, 7),
    Case("BlackmanWindow", [ONE], (7,), 0, 42, 14),
    # of 6 tokens 6 single ones, 5 pairs, and 4 with a token between, for 2 rows; 14 weights
    Case("TfIdfVectorizer", [(2, 6)], (2, 7), flop=30,
         attributes={"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 1}),
    Case("TfIdfVectorizer", [(2, 6)], (2, 7), flop=44,
         attributes={"mode": "TFIDF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 1}),
    Case("TfIdfVectorizer", [(6,)], (7,), flop=5,
         attributes={"mode": "TF", "min_gram_length": 2, "max_gram_length": 2, "max_skip_count": 0}),
]  # fmt: skip

LOSSES = [
    # 3 targets: a sign, and a sum; a weight is a product more, and their sum for the mean
    Case("NegativeLogLikelihoodLoss", [ROW, (3,)], ONE, flop=6, empty=[(0, 5), (0,)]),
    Case("NegativeLogLikelihoodLoss", [ROW, (3,)], (3,), flop=3, attributes={"reduction": "none"},
         empty=[(0, 5), (0,)]),
    Case("NegativeLogLikelihoodLoss", [ROW, (3,), (5,)], ONE, flop=12, empty=[(0, 5), (0,), (5,)]),
    Case("NegativeLogLikelihoodLoss", [ROW, (3,), (5,)], ONE, flop=9, attributes={"reduction": "sum"},
         empty=[(0, 5), (0,), (5,)]),
    # 15 scores by 4, and the above
    Case("SoftmaxCrossEntropyLoss", [ROW, (3,)], ONE, 0, 66, 15, empty=[(0, 5), (0,)]),
    Case("SwiGLU", [ROW, ROW], ROW, 0, 75, 15),
    Case("SwiGLU", [ROW, ROW], ROW, 0, 90, 15, {"alpha": 1.702}),
]  # fmt: skip

SEQUENCES = [
    Case("SequenceConstruct", [ROW, (5,)], ONE, moved=(80, 80)),
    Case("SequenceInsert", [ONE, ROW, ONE], ONE, moved=(60, 60)),
    Case("SequenceAt", [ONE, ONE], ROW, moved=(60, 60)),
    Case("SequenceErase", [ONE, ONE], ONE, moved=(0, 0)),
    Case("SequenceEmpty", [], ONE, moved=(0, 0)),
    Case("SequenceLength", [ONE], ONE, moved=(0, 4)),
    Case("SplitToSequence", [ROW], ONE, moved=(60, 60)),
    Case("ConcatFromSequence", [ONE], ROW, moved=(60, 60)),
    Case("Optional", [ROW], ONE, moved=(0, 0)),
    Case("OptionalGetElement", [ONE], ROW, moved=(0, 0)),
    Case("OptionalHasElement", [ONE], ONE, moved=(0, 4)),
    Case("StringConcat", [ROW, ROW], ROW),
    Case("StringNormalizer", [(3,)], (3,)),
    Case("StringSplit", [(3,)], (3, 2), more_outputs=[(3,)]),
    Case("RegexFullMatch", [ROW], ROW),
]

TOKENS, KEYS, VALUES = (2, 3, 20), (2, 3, 10), (2, 3, 12)
HEADS = {"q_num_heads": 4, "kv_num_heads": 2}


def linear_attention(domain: str) -> list[Case]:
    """12 states of 5x6 are updated and 24 times read: by 4 heads of queries over 2 of keys and values."""
    op = "LinearAttention"
    made = (2, 3, 24)
    return [
        Case(op, [TOKENS, KEYS, VALUES], made, 1080, 2160 + 144, attributes={**HEADS, "update_rule": "linear"},
             domain=domain),
        # every state decays: 360; each of 60 decays is an exp
        Case(op, [TOKENS, KEYS, VALUES, None, KEYS], made, 1080, 2304 + 360, 60,
             attributes={**HEADS, "update_rule": "gated"}, domain=domain,
             empty=[(0, 3, 20), (0, 3, 10), (0, 3, 12), None, (0, 3, 10)]),
        # one product with the state more, and two operations per element of 12 values of 6
        Case(op, [TOKENS, KEYS, VALUES, (2, 2, 5, 6), None, (2, 3, 2)], made, 1440, 2880 + 144 + 144,
             attributes={**HEADS, "update_rule": "delta"}, domain=domain),
        Case(op, [TOKENS, KEYS, VALUES, None, (2, 3, 2), (2, 3, 2)], made, 1440, 2880 + 144 + 360 + 144, 12,
             attributes=HEADS, domain=domain, more_outputs=[(2, 2, 5, 6)],
             empty=[(0, 3, 20), (0, 3, 10), (0, 3, 12), None, (0, 3, 2), (0, 3, 2)]),
    ]  # fmt: skip


def causal_conv(domain: str) -> list[Case]:
    """56 outputs of 3 products each."""
    op, made = "CausalConvWithState", (2, 4, 7)
    return [
        Case(op, [made, (4, 1, 3)], made, 168, 336, domain=domain, more_outputs=[(2, 4, 2)]),
        Case(op, [made, (4, 1, 3), (4,), (2, 4, 2)], made, 168, 336 + 56 + 4 * 56, 56,
             attributes={"activation": "silu"}, domain=domain, more_outputs=[(2, 4, 2)]),
    ]  # fmt: skip


ML = "ai.onnx.ml"
TEN, TWENTY = tuple(float(index) for index in range(10)), tuple(float(index) for index in range(20))

TABULAR = [
    Case("Binarizer", [ROW], ROW, flop=15, domain=ML),
    Case("Imputer", [ROW], ROW, flop=15, domain=ML),
    Case("Scaler", [ROW], ROW, flop=30, domain=ML),
    Case("Normalizer", [ROW], ROW, flop=30, domain=ML),
    Case("Normalizer", [ROW], ROW, flop=45, domain=ML, attributes={"norm": "L1"}),
    *(Case(op, [ROW], ROW, domain=ML) for op in ("LabelEncoder", "CategoryMapper")),
    Case("FeatureVectorizer", [ROW, (3, 2)], (3, 7), domain=ML),
    Case("OneHotEncoder", [(3,)], (3, 4), domain=ML),
    # two numbers of each row, and two indices
    Case("ArrayFeatureExtractor", [ROW, (2,)], (3, 2), domain=ML, moved=(24 + 8, 24)),
    Case("ZipMap", [ROW], ONE, domain=ML, moved=(60, 60)),
    *(Case(op, [ONE], (1, 5), domain=ML, moved=(20, 20)) for op in ("CastMap", "DictVectorizer")),
    # 10 coefficients are 2 scores of 5 for each of 3 rows
    Case("LinearRegressor", [ROW], (3, 2), 30, 60, domain=ML, attributes={"coefficients": TEN}),
    Case("LinearRegressor", [ROW], (3, 2), 30, 66, domain=ML,
         attributes={"coefficients": TEN, "intercepts": (1.0, 2.0)}),
    # per score an intercept, a comparison, and a sigmoid or a softmax
    Case("LinearClassifier", [ROW], (3,), 30, 60 + 6 * 5, 6, domain=ML, more_outputs=[(3, 2)],
         attributes={"coefficients": TEN, "intercepts": (1.0, 2.0), "post_transform": "LOGISTIC"}),
    Case("LinearClassifier", [ROW], (3,), 30, 60 + 6 * 6, 6, domain=ML, more_outputs=[(3, 2)],
         attributes={"coefficients": TEN, "intercepts": (1.0, 2.0), "post_transform": "SOFTMAX"}),
    # 4 vectors of 5 for each of 3 rows, and a sum over the 4 with rho
    Case("SVMRegressor", [ROW], (3, 1), 72, 144 + 3, domain=ML, attributes={"support_vectors": TWENTY}),
    # 2 scores of 5, each with a rho
    Case("SVMRegressor", [ROW], (3, 1), 15, 30 + 3, domain=ML, attributes={"coefficients": TEN[:5], "rho": (1.0,)}),
    Case("SVMClassifier", [ROW], (3,), 30, 60 + 12, domain=ML, more_outputs=[(3, 2)],
         attributes={"coefficients": TEN, "rho": (1.0, 1.0), "classlabels_ints": (0, 1)}),
    # 5 differences and a factor per vector, and an exp
    Case("SVMRegressor", [ROW], (3, 1), 72, 144 + 3 * 25, 12, domain=ML,
         attributes={"support_vectors": TWENTY, "kernel_type": "RBF"}),
    # three classes: each vector is in two sums; per pair of them a rho and a vote
    Case("SVMClassifier", [ROW], (3,), 84, 168 + 3 * (8 + 6), 12, domain=ML, more_outputs=[(3, 3)],
         attributes={"support_vectors": TWENTY, "kernel_type": "POLY", "classlabels_ints": (0, 1, 2)}),
    # four classes: each of 4 vectors is in three sums; 6 pairs, each with a rho, a vote and a score of 3 and an exp
    Case("SVMClassifier", [ROW], (3,), 96, 192 + 3 * 6 * (2 + 3), 18, domain=ML, more_outputs=[(3, 6)],
         attributes={"support_vectors": TWENTY, "classlabels_ints": (0, 1, 2, 3), "post_transform": "LOGISTIC"}),
    # and a sigmoid of a·x + b
    Case("SVMClassifier", [ROW], (3,), 84, 168 + 3 * (8 + 6 + 15), 21, domain=ML, more_outputs=[(3, 3)],
         attributes={"support_vectors": TWENTY, "kernel_type": "SIGMOID", "classlabels_strings": ("a", "b", "c"),
                     "prob_a": (1.0, 1.0, 1.0)}),
]  # fmt: skip

WIDER_CASES = [*SIGNAL, *LOSSES, *SEQUENCES, *linear_attention(""), *causal_conv(""), *TABULAR]
