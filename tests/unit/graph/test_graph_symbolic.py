"""Formulas equal the counts for any sizes that they claim to be right for."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod
from pathlib import Path

import onnx
import onnx.parser
import pytest

from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.symbolic import Condition
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.graph.symbolic import polynomials as symbolic
from alexnet_bench.graph.symbolic.counts import Counter
from alexnet_bench.graph.symbolic.domain import Domain, anywhere, corners, inside, intersection
from alexnet_bench.graph.symbolic.fit import Lattice, Polynomial, add, box, degree, interpolate
from alexnet_bench.graph.symbolic.named import named_sizes
from alexnet_bench.graph.symbolic.polynomials import Found, SymbolicTable, count_symbolically
from alexnet_bench.graph.symbolic.sizes import OpenInputs, open_inputs

Case = tuple[ModelFile, OpenInputs, SymbolicTable]
Solve = Callable[..., Case]


@pytest.fixture
def solve(tmp_path: Path) -> Solve:
    """A text, or a file, counted as formulas. Values that are declared and that no node makes become weights."""

    def solved(
        model: str | Path, *, batch: int | None = None, given: Mapping[str, Sequence[int]] | None = None
    ) -> Case:
        if isinstance(model, str):
            model = _written(model, tmp_path / "model.onnx")
        file = open_model(model)
        inputs = open_inputs(file.proto.graph, batch=batch, given=given or {})
        return file, inputs, count_symbolically(file, inputs)

    return solved


def _written(text: str, path: Path) -> Path:
    proto = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>\n' + text)
    made = {name for node in proto.graph.node for name in node.output}
    for info in [info for info in proto.graph.value_info if info.name not in made]:
        dims = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        proto.graph.initializer.add(name=info.name, data_type=info.type.tensor_type.elem_type, dims=dims)
        proto.graph.value_info.remove(info)
    path.write_bytes(proto.SerializeToString())
    return path


def _size(sizes: Condition, rng: random.Random) -> int:
    step, low = sizes.multiple_of, sizes.at_least
    most = min(sizes.at_most or 10**9, max(4 * step, low + 20 * step, 600))
    size = step * rng.randint(-(-low // step), most // step)
    return size if sizes.holds(size) else size + step


def _value(polynomial: Polynomial, point: Sequence[int]) -> int:
    total = 0
    for powers, coefficient in polynomial.terms:
        for size, power in zip(point, powers, strict=True):
            coefficient *= size**power  # noqa: PLW2901
        total += coefficient
    assert total % polynomial.divisor == 0
    return total // polynomial.divisor


def _check(case: Case, times: int = 6) -> None:
    """Every formula against the counts, at random sizes of its own domain and of the common one."""
    file, inputs, table = case
    rng = random.Random(0)  # noqa: S311 - the same sizes in every run
    domains = {found.domain for row in table.rows for found in (row.work, row.moved) if found}
    for domain in (table.work, table.moved, *sorted(domains, key=repr)):
        for _ in range(times):
            point = tuple(_size(sizes, rng) for sizes in domain)
            costs = count(build_graph(file, name="m", given_shapes=inputs.at(point)))
            for row, cost in zip(table.rows, costs.rows, strict=True):
                _same(row.work, point, (cost.macs, cost.flop, cost.transcendentals))
                _same(row.moved, point, (cost.bytes_read, cost.bytes_written))
            if table.peak is not None and domain == table.work == table.moved:
                assert _value(table.peak, point) == costs.activation_peak_bytes


def _same(found: Found | None, point: tuple[int, ...], counts: tuple[int | None, ...]) -> None:
    if found is not None and inside(found.domain, point):
        assert tuple(_value(formula, point) for formula in found.formulas) == counts, point


def _macs(table: SymbolicTable) -> Polynomial:
    return add([row.work.formulas[0] for row in table.rows if row.work])


def test_a_polynomial_is_found_from_its_values() -> None:
    lattice = Lattice(128, 64)
    wanted = Polynomial((((0, 0), -7), ((1, 2), 3), ((2, 0), 5)), 4)
    values = tuple(
        4 * (5 * x**2 + 3 * x * y**2 - 7)  # a whole number everywhere; the divisor cancels
        for x, y in ((lattice.size(i), lattice.size(j)) for i, j in box((2, 2)))
    )
    assert interpolate(values, (2, 2), lattice) == Polynomial(
        tuple((powers, 16 * coefficient // 4) for powers, coefficient in wanted.terms)
    )


def test_degrees_are_those_of_the_differences() -> None:
    assert degree([7, 7]) == 0
    assert degree([1, 4, 9, 16]) == 2
    assert degree([1, 4, 9]) is None
    assert degree([1]) is None


def test_a_step_gives_fractions() -> None:
    halves = interpolate((64, 96), (1,), Lattice(128, 64))
    assert halves == Polynomial((((1,), 1),), 2)
    assert halves.fits((6,), 3)
    assert not halves.fits((7,), 3)


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (Condition("N", excluding=(7,)), Condition("N", 2, 2, 9), Condition("N", 2, 2, 9)),
        (Condition("N", excluding=(4, 7)), Condition("N", 1, 3, excluding=(3, 9)), Condition("N", 1, 5, None, (7, 9))),
        (Condition("N", 2, 4, 6), Condition("N", excluding=(4, 6)), None),
        (Condition("N", 2, 4, 6), Condition("N", 3, 6, excluding=(12,)), Condition("N", 6, 6, 6)),
    ],
)
def test_what_is_left_out_of_one_is_left_out_of_both(
    first: Condition, second: Condition, both: Condition | None
) -> None:
    assert intersection((first,), (second,)) == (None if both is None else (both,))


@pytest.mark.parametrize("sizes", [Condition("N", 1, 1, None, (137, 138)), Condition("N", 4, 4, 12, (8, 12))])
def test_formulas_are_held_against_sizes_that_are_not_left_out(sizes: Condition) -> None:
    domain: Domain = (sizes,)
    assert all(inside(domain, point) for point in corners(domain))


TRANSFORMER = """
    block (float[N, T, 32] x) => (float[N, T, 32] y) <float[32, 32] w, float[1] scale>
    {
        q = MatMul(x, w)
        k = Transpose <perm = [0, 2, 1]> (x)
        scores = MatMul(q, k)
        scaled = Mul(scores, scale)
        p = Softmax(scaled)
        y = MatMul(p, x)
    }
"""


def test_attention_is_quadratic_in_its_length(solve: Solve) -> None:
    case = solve(TRANSFORMER)
    _check(case)
    table = case[2]
    assert case[1].variables == ("N", "T")
    assert _macs(table) == Polynomial((((1, 1), 32 * 32), ((1, 2), 64)))
    assert (table.work, table.moved) == (anywhere("NT"), anywhere("NT"))
    softmax = table.rows[4]
    assert softmax.work is not None
    assert [formula.terms for formula in softmax.work.formulas] == [(), (((1, 2), 4),), (((1, 2), 1),)]


def test_one_name_is_one_variable_and_a_dimension_without_a_name_gets_one(solve: Solve) -> None:
    case = solve("g (float[N, 8] a, float[?, 8] b, float[N, 8] c) => (float[N, 8] y, z) { y = Add(a, c) z = Relu(b) }")
    _check(case)
    assert case[1].variables == ("N", "b.0")
    assert case[1].named() == {"a": ("N", 8), "b": ("b.0", 8), "c": ("N", 8)}


def test_a_name_that_is_a_sum_follows_from_the_others(solve: Solve, tmp_path: Path) -> None:
    path = _written(
        "g (float[past, 8] a, float[T, 8] b, float[S, 8] c) => (float[S, 8] y)"
        "{ both = Concat <axis = 0> (a, b) y = Add(both, c) }",
        tmp_path / "sum.onnx",
    )
    model = onnx.load(path)
    model.graph.input[2].type.tensor_type.shape.dim[0].dim_param = "past + T"
    onnx.save(model, path)
    case = solve(path)
    _check(case)
    assert case[1].variables == ("past", "T")
    assert case[1].at((3, 4))["c"] == (7, 8)
    add_row = case[2].rows[1]
    assert add_row.work is not None
    assert add_row.work.formulas[1] == Polynomial((((0, 1), 8), ((1, 0), 8)))


def _called(text: str, path: Path, **names: str) -> Path:
    """A model whose dimensions get names that the syntax of the text does not take."""
    model = onnx.load(_written(text, path))
    for info in model.graph.input:
        for dim in info.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]
    onnx.save(model, path)
    return path


def test_a_dimension_without_a_name_takes_none_that_another_has(solve: Solve, tmp_path: Path) -> None:
    text = "g (float[?, M] x, float[M, 3] w) => (y) { y = MatMul(x, w) }"
    case = solve(_called(text, tmp_path / "same.onnx", M="x.0"))
    _check(case)
    assert case[1].variables == ("x.0_", "x.0")
    assert _macs(case[2]) == Polynomial((((1, 1), 3),))
    inputs = open_inputs(
        onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["" : 17]> g (float[?, ?] x, float[?] y) => () {}'
        ).graph,
        batch=None,
        given={},
    )
    assert inputs.variables == ("x.0", "x.1", "y.0")


@pytest.mark.parametrize(
    ("name", "size", "step"), [("T//2", 3, 2), ("(T + 1) // 2", 4, 2), ("2*T//3", 4, 3), ("T // 2 * 3", 9, 2)]
)
def test_a_name_that_is_a_whole_part_follows_from_the_others(
    solve: Solve, tmp_path: Path, name: str, size: int, step: int
) -> None:
    case = solve(_called("g (float[N,T] x, float[N,S] z) => (y, b) { y = Exp(z) b = Exp(x) }", tmp_path / "m", S=name))
    _check(case)
    assert (case[1].variables, case[1].unread) == (("N", "T"), ())
    assert case[1].at((5, 7)) == {"x": (5, 7), "z": (5, size)}
    assert case[2].work[1].multiple_of == step


@pytest.mark.parametrize("name", ["T/2", "T//N", "T//0", "floor(T/2)", "T % 2"])
def test_other_names_that_speak_of_dimensions_are_told(solve: Solve, tmp_path: Path, name: str) -> None:
    case = solve(_called("g (float[N,T] x, float[N,S] z) => (y, b) { y = Exp(z) b = Exp(x) }", tmp_path / "m", S=name))
    assert (case[1].variables, case[1].unread) == (("N", "T", name), (name,))


def test_strides_are_right_on_multiples(solve: Solve) -> None:
    case = solve(
        "g (float[N, 3, H, W] x) => (y) <float[8, 3, 3, 3] w1, float[8, 8, 3, 3] w2>"
        "{ a = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w1) "
        "b = Conv <strides = [4, 2], pads = [1, 1, 1, 1]> (a, w2) y = GlobalAveragePool(b) }"
    )
    _check(case)
    table = case[2]
    assert table.work == (Condition("N"), Condition("H", 8, 8), Condition("W", 4, 4))
    first, second, _ = table.rows
    assert first.work is not None
    assert second.work is not None
    assert first.work.domain == (Condition("N"), Condition("H", 2, 2), Condition("W", 2, 2))
    assert first.work.formulas[0] == Polynomial((((1, 1, 1), 8 * 27 // 4),))
    assert second.work.formulas[0] == Polynomial((((1, 1, 1), 8 * 72 // 32),))


def test_other_strides_and_kernels_that_must_fit(solve: Solve) -> None:
    case = solve(
        "g (float[N, 3, H] x) => (y) <float[8, 3, 5] w1, float[8, 8, 9] w2>"
        "{ a = Conv <strides = [3], pads = [1, 1]> (x, w1) y = Conv(a, w2) }"
    )
    _check(case)
    assert [sizes.multiple_of for sizes in case[2].work] == [1, 3]
    assert case[2].work[1].at_least == 27  # the smallest that the second window fits on
    assert all(row.work for row in case[2].rows)


def test_a_table_that_ends_is_a_limit(solve: Solve) -> None:
    case = solve(
        "g (float[N, T, 8] x) => (y) <int64[1] zero = {0}, int64[1] axis = {1}, float[1, 77, 8] table>"
        "{ s = Shape <start = 1, end = 2> (x) t = Slice(table, zero, s, axis) y = Add(x, t) }"
    )
    _check(case)
    table = case[2]
    assert all(row.work and row.moved for row in table.rows)
    assert table.moved[1].at_most == 77


POSITIONS = """
    one = Constant<value_int = 1>()  zero = Constant<value_int = 0>()
    shape = Shape({of})  length = Gather(shape, one)  r = Range(zero, length, one)  p = Gather(table, r)
"""


@pytest.mark.parametrize("rows", [8, 10, 13, 14, 32, 64, 77, 128, 256, 400, 448, 512, 1500])
def test_a_table_of_positions_sets_the_largest_length(solve: Solve, rows: int) -> None:
    """Formulas that need more sizes than the table has rows are looked for among smaller sizes."""
    case = solve(
        f"g (float[N, T, 8] x) => (y) <float[{rows}, 8] table>"
        f"{{ {POSITIONS.format(of='x')}  a = Add(x, p)  b = Transpose<perm = [0, 2, 1]>(a)  y = MatMul(a, b) }}"
    )
    _check(case)
    table = case[2]
    assert _macs(table) == Polynomial((((1, 2), 8),))
    assert all(row.work and row.moved for row in table.rows)
    assert table.work == table.moved == (Condition("N"), Condition("T", at_most=rows))


@pytest.mark.parametrize(("rows", "high"), [(16, 8), (100, 32), (128, 64), (5000, 2048)])
def test_a_table_for_the_sum_of_two_sizes_sets_limits_that_hold_together(solve: Solve, rows: int, high: int) -> None:
    case = solve(
        f"g (float[N, P, 8] past, float[N, T, 8] x) => (y) <float[{rows}, 8] table>"
        f"{{ both = Concat<axis = 1>(past, x)  {POSITIONS.format(of='both')}  y = Add(both, p) }}"
    )
    _check(case)
    table = case[2]
    assert all(row.work and row.moved for row in table.rows)
    assert table.moved == (Condition("N"), Condition("P", at_most=high), Condition("T", at_most=high))


def test_what_has_too_few_sizes_for_a_formula_says_so(solve: Solve) -> None:
    """A last axis of 8, or of 1, which is broadcast."""
    case = solve("g (float[N, T] x) => (y) <float[8] w> { y = Add(x, w) }")
    assert [(row.work, row.moved, row.why) for row in case[2].rows] == [(None, None, symbolic.FEW_SIZES)]


def _strided(strides: Sequence[int], width: int) -> str:
    """Convolutions one after the other, with windows that are padded to what rounds like the strides alone."""
    pads = [width // 2, (width - 1) // 2] if width > 1 else [0, 0]
    names = ["x", *(f"x{index}" for index in range(1, len(strides))), "y"]
    nodes = (
        f"{after} = Conv<strides = [{stride}], pads = {pads}>({before}, w)"
        for before, after, stride in zip(names, names[1:], strides, strict=False)
    )
    return f"g (float[N, 3, L] x) => (y) <float[3, 3, {width}] w> {{ {' '.join(nodes)} }}"


@pytest.mark.parametrize(
    ("strides", "width"), [([2] * 7, 3), ([2] * 8, 3), ([11], 1), ([11, 11], 3), ([13, 2], 3), ([5, 2, 2, 2, 2, 2], 3)]
)
def test_any_product_of_strides_is_a_step(solve: Solve, strides: list[int], width: int) -> None:
    case = solve(_strided(strides, width))
    _check(case)
    table = case[2]
    step = prod(strides)
    assert table.work == table.moved == (Condition("N"), Condition("L", step, step))
    macs = sum(Fraction(9 * width, prod(strides[: index + 1])) for index in range(len(strides)))
    assert _macs(table) == Polynomial((((1, 1), macs.numerator),), macs.denominator)


def test_what_goes_down_and_up_again_many_times_has_its_formulas(solve: Solve) -> None:
    """The products of all its strides would be too long."""
    nodes, last = [], "x"
    for turn in range(6):
        nodes += [
            f"a{turn} = MaxPool<kernel_shape = [8], strides = [8]>({last})",
            f"b{turn} = ConvTranspose<strides = [8]>(a{turn}, w)",
        ]
        last = f"b{turn}"
    case = solve(f"g (float[N, 3, L] x) => (y) <float[3, 3, 8] w> {{ {' '.join(nodes)} y = Relu({last}) }}")
    _check(case)
    assert case[2].work == (Condition("N"), Condition("L", 8, 8))
    assert all(row.work and row.moved for row in case[2].rows)


def test_one_half_of_a_minimum_is_no_formula(solve: Solve) -> None:
    """Gather reads N*T rows, but never more than the table has: its bytes follow no polynomial, its work does."""
    case = solve("g (int64[N, T] i) => (y) <float[1000, 8] table> { y = Gather(table, i) }")
    _check(case)
    (row,) = case[2].rows
    assert row.work is not None
    assert row.moved is None
    assert row.why == symbolic.NO_POLYNOMIAL


def test_recurrent_and_einsum(solve: Solve) -> None:
    case = solve(
        "g (float[T, N, 16] x, float[N, A, B] p, float[N, B, C] q) => (y, z)"
        "<float[1, 32, 16] w, float[1, 32, 8] r>"
        '{ y = LSTM <hidden_size = 8> (x, w, r) z = Einsum <equation = "nab,nbc->nac"> (p, q) }'
    )
    _check(case, times=3)
    assert case[1].variables == ("T", "N", "A", "B", "C")
    assert _macs(case[2]) == Polynomial((((0, 1, 1, 1, 1), 1), ((1, 1, 0, 0, 0), 4 * 8 * (16 + 8))))
    assert all(row.work and row.moved for row in case[2].rows)


def test_what_depends_on_data_has_no_formula(solve: Solve) -> None:
    case = solve("g (float[N, 8] x) => (y, z) { found = NonZero(x) y = Cast <to = 1> (found) z = Relu(x) }")
    _check(case)
    cast = next(row for row in case[2].rows if row.cost.op == "Cast")
    relu = next(row for row in case[2].rows if row.cost.op == "Relu")
    assert cast.work is None
    assert "unknown" in cast.why
    assert relu.work is not None


def test_an_index_of_an_axis_is_a_limit_downwards(solve: Solve) -> None:
    """An unrolled loop over 5 tokens reads the last of them by its number."""
    case = solve("""g (float[B,T,8] x) => (float[] y) <float[8,4] w> {
        i = Constant<value_int = 4>()  last = Gather<axis = 1>(x, i)  y = MatMul(last, w)
    }""")
    _, inputs, table = case
    assert inputs.variables == ("B", "T")
    assert table.work == table.moved == (Condition("B"), Condition("T", at_least=5))
    _check(case)


def test_a_peak_is_given_only_where_one_polynomial_is_it(solve: Solve) -> None:
    assert solve("g (float[N, 8] x) => (y) { a = Relu(x) y = Exp(a) }")[2].peak == Polynomial((((1,), 64),))
    bent = solve(
        "g (float[N, 8] x) => (y, z) <float[8, 100] w>"
        "{ a = MatMul(x, w) y = ReduceSum(a) b = Transpose(x) z = MatMul(x, b) }"
    )
    _check(bent)
    assert bent[2].peak is None


def test_a_peak_that_moves_with_the_proportions_of_sizes_is_none(solve: Solve) -> None:
    case = solve("g (float[N, 8] a, float[M, 8] b) => (y, z) { y = Exp(a) c = Relu(b) d = Relu(c) z = ReduceSum(d) }")
    _check(case, times=20)
    assert case[2].peak is None


def test_the_larger_branch_is_no_polynomial_when_the_sizes_decide(solve: Solve) -> None:
    case = solve(
        "g (bool c, float[N, 8] a, float[M, 8] b) => (y)"
        "{ y = If (c) <then_branch = t () => (u) { u = Exp(a) }, else_branch = e () => (v) { v = Exp(b) }> }"
    )
    _check(case, times=20)
    assert case[2].rows[0].work is None


@pytest.mark.parametrize(
    ("total", "batch", "has_formula"), [("P + S", 1, True), ("P + S", None, False), ("T", 1, False)]
)
def test_caches_that_grow_have_a_formula_where_the_total_is_called_so(
    solve: Solve, tmp_path: Path, total: str, batch: int | None, has_formula: bool
) -> None:
    """Else they are as long as the longer of two lengths. Of the rotary tables, 64 rows are read at most."""
    model = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["" : 20, "com.microsoft" : 1]>
        g (float[B,S,64] q, float[B,S,32] k, float[B,S,32] v, float[B,2,P,16] pk, float[B,2,P,16] pv, int32[B] last,
           int64[B,T] mask) => (float[B,S,64] y, nk, nv) <int64 one = {1}> {
            shape = Shape(mask)  length = Gather(shape, one)  total = Cast<to = 6>(length)
            y, nk, nv = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2, do_rotary = 1>(
                q, k, v, pk, pv, last, total, cos, sin)
        }"""
    )
    model.graph.input[-1].type.tensor_type.shape.dim[1].dim_param = total
    for name in ("cos", "sin"):
        model.graph.initializer.add(name=name, data_type=onnx.TensorProto.FLOAT, dims=[64, 8])
    path = tmp_path / "attention.onnx"
    path.write_bytes(model.SerializeToString())
    case = solve(path, batch=batch)
    row = next(row for row in case[2].rows if row.cost.op.endswith("GroupQueryAttention"))
    assert row.work is not None
    assert (row.moved is not None) == has_formula
    assert row.moved is None or 64 in {sizes.at_most for sizes in row.moved.domain}
    _check(case, times=20)


RESIZED = """g (float[N,3,H,W] x) => (y)
    <int64[2] wanted = {224, 192}, int64[1] nought = {0}, int64[1] two = {2}, float[0] none = {}> {
        s = Shape(x)  images = Slice(s, nought, two)  sizes = Concat<axis = 0>(images, wanted)
        y = Resize<mode = "linear">(x, none, none, sizes)
    }"""
BRANCH = """g (float[N,3,H] x) => (y) <int64 axis = {{2}}, int64 size = {{224}}, int64 two = {{2}}> {{
        s = Shape(x)  h = Gather(s, axis)  {is_size}
        y = If(c) <then_branch = t () => (u) {{ u = Relu(x) }}, else_branch = e () => (v) {{ v = Elu(x) }}>
    }}"""


def test_a_size_that_a_picture_is_resized_to_is_left_out(solve: Solve) -> None:
    """There is nothing to interpolate along that axis: 3 FLOP in place of 9."""
    case = solve(RESIZED)
    _check(case, times=20)
    table = case[2]
    assert table.work == (Condition("N"), Condition("H", excluding=(224,)), Condition("W", excluding=(192,)))
    assert table.moved == anywhere("NHW")
    assert add([row.work.formulas[1] for row in table.rows if row.work]) == Polynomial(
        (((1, 0, 0), 9 * 3 * 224 * 192),)
    )


def test_a_size_that_has_a_branch_of_its_own_is_left_out(solve: Solve) -> None:
    case = solve(BRANCH.format(is_size="c = Equal(h, size)"))
    _check(case, times=20)
    assert case[2].work == (Condition("N"), Condition("H", excluding=(224,)))
    assert all(row.work for row in case[2].rows)


def test_sizes_that_are_wrong_beside_one_that_is_named_leave_no_formula(solve: Solve) -> None:
    """224 and 225, of which the model names the first."""
    case = solve(BRANCH.format(is_size="half = Div(h, two)  even = Mul(half, two)  c = Equal(even, size)"))
    _check(case, times=20)
    (branch,) = (row for row in case[2].rows if row.cost.op == "If")
    assert (branch.work, branch.why) == (None, symbolic.NO_POLYNOMIAL)


def test_sizes_to_leave_out_are_those_that_decide_something(tmp_path: Path) -> None:
    """The others come behind them, and small ones last, of which most are axes."""
    text = """g (float[N,H] x, int64 k) => (y, z, c)
        <int64[2] shape = {-1, 640}, int64 one = {1}, int64[1] large = {70000}> {
        s = Shape(x)  h = Gather(s, one)  less = Constant<value_int = 100>()  rest = Sub(h, less)
        most = Constant<value_ints = [300]>()  c = Equal(rest, most)  y = Reshape(x, shape)  z = Add(k, large)
    }"""
    model = open_model(_written(text, tmp_path / "m.onnx")).proto
    assert named_sizes(model, 2) == (300, 100, 640, 1)
    assert named_sizes(model, 8) == (300, 100, 640)


def test_sizes_that_are_named_cost_so_many_counts_at_most(solve: Solve, monkeypatch: pytest.MonkeyPatch) -> None:
    points: set[object] = set()
    count_at = Counter.at

    def noted(counter: Counter, point: tuple[int, ...]) -> object:
        points.add(point)
        return count_at(counter, point)

    monkeypatch.setattr(Counter, "at", noted)
    many = ", ".join(str(size) for size in range(1000, 1030))
    counts = []
    for numbers in ("0", many):
        points.clear()
        solve(f"g (float[N,T,8] x) => (y, z) {{ y = Relu(x)  z = Constant<value_ints = [{numbers}]>() }}")
        counts.append(len(points))
    assert counts[1] == counts[0] + 2 * 8


def test_a_batch_and_sizes_by_the_name_of_a_dimension(solve: Solve) -> None:
    case = solve(TRANSFORMER, batch=4)
    assert case[1].variables == ("T",)
    assert _macs(case[2]) == Polynomial((((1,), 4 * 32 * 32), ((2,), 4 * 64)))
    case = solve(TRANSFORMER, given={"T": (16,)})
    assert _macs(case[2]) == Polynomial((((1,), 16 * 32 * 32 + 256 * 64),))


@pytest.mark.parametrize(
    ("given", "batch", "message"),
    [
        ({"nope": (3,)}, None, "no input and no dimension named nope; it has x, N, T"),
        ({"T": (3, 4)}, None, "dimension T takes one size"),
        ({"N": (2,)}, 8, "no input has an open first dimension"),
    ],
)
def test_what_cannot_be_fixed_is_an_error(
    solve: Solve, given: Mapping[str, Sequence[int]], batch: int | None, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        solve(TRANSFORMER, given=given, batch=batch)


def test_a_shape_that_does_not_fit_is_an_error(solve: Solve) -> None:
    with pytest.raises(ShapeError, match="input b has 2 dimensions, the shape given has 1"):
        solve("g (float[N, 8] a, float[M, 8] b) => (y, z) { y = Relu(a) z = Relu(b) }", given={"b": (3,)})


def test_too_many_dimensions_are_an_error_that_says_what_to_type(solve: Solve) -> None:
    names = [f"d{index}" for index in range(9)]
    with pytest.raises(UsageError, match="9 names") as error:
        solve(f"g (float[{', '.join(names)}] x) => (y) {{ y = Relu(x) }}")
    assert "--shape d8=8" in error.value.hint


def test_a_torch_block_with_dynamic_batch_and_length(solve: Solve, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True).eval()
    dims = ({0: torch.export.Dim("N"), 1: torch.export.Dim("T")},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(layer, (torch.zeros(3, 7, 32),), dynamo=True, dynamic_shapes=dims, verbose=False)
        program.save(tmp_path / "block.onnx")
    case = solve(tmp_path / "block.onnx")
    _check(case, times=5)
    assert case[1].variables == ("N", "T")
    # Q, K, V and the output 4 · 32², the feed-forward part 2 · 32 · 64; scores and their use 2 · 32.
    assert _macs(case[2]) == Polynomial((((1, 1), 4 * 32 * 32 + 2 * 32 * 64), ((1, 2), 2 * 32)))
    assert all(row.work and row.moved for row in case[2].rows)


def test_weights_that_a_node_holds_are_a_constant_number_of_bytes(solve: Solve) -> None:
    weights = "coefficients = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], intercepts = [1.0, 2.0], targets = 2"
    _, _, table = solve(f"g (float[N,3] x) => (y) {{ y = ai.onnx.ml.LinearRegressor <{weights}> (x) }}")
    (row,) = table.rows
    assert row.moved is not None
    assert [_value(formula, (7,)) for formula in row.moved.formulas] == [4 * 7 * 3 + 32, 4 * 7 * 2]
    assert (table.costs.params, table.costs.weight_bytes) == (8, 32)


def test_more_boxes_than_may_be_kept_are_the_usual_sizes(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[N, A, 4] boxes, float[N, 3, A] scores) => (int64[?, 3] y)
    <int64[1] most = {20}> { y = NonMaxSuppression(boxes, scores, most) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    file = open_model(tmp_path / "m.onnx")
    table = count_symbolically(file, open_inputs(file.proto.graph, batch=None, given={}))
    assert table.work[1] == Condition("A", 1, 20)
