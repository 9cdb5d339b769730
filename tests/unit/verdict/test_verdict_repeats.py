"""An engine is not accused of what the reference itself does not do twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.verification import OutputParity
from alexnet_bench.verdict.judge import Criterion, conclude, judge_output
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.repeats import random_nodes, without_unrepeated

_SEEDED = Node("rn", "RandomNormalLike", "", ("x",), ("n",), {"seed": 1.0})
_DRAWS = Node("rn", "RandomNormalLike", "", ("x",), ("n",), {})
_DROPOUT = Node("d", "Dropout", "", ("x", "ratio", "training"), ("n",), {})
_ADD = Node("add", "Add", "", ("x", "n"), ("y",), {})


def graph(*nodes: Node) -> Graph:
    return Graph("g", nodes, ("x",), ("y",), {}, frozenset(), {}, frozenset(node.name for node in nodes), 17, 8, "")


def draws(scale: float, seed: int) -> list[Array]:
    """What y is from 0 to 15, with noise of its own."""
    noise = np.random.default_rng(seed)
    return [at + scale * noise.standard_normal((2, 8)).astype(np.float32) for at in np.arange(16, dtype=np.float32)]


def judged(
    reference: list[Array], engine: list[Array], again: list[Array], of: Graph, *, same_runtime: bool = True
) -> OutputParity:
    def run() -> Mapping[str, Sequence[Array]]:
        return {"y": again}

    output = judge_output("y", reference, engine, Criterion(1e-4))
    (found,) = without_unrepeated([output], {"y": reference}, run, of, same_runtime=same_runtime)
    return found


def test_what_the_reference_does_not_give_twice_is_not_judged() -> None:
    found = judged(draws(1, 1), draws(1, 2), draws(1, 3), graph(_DRAWS, _ADD))
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("the reference differs from itself by ")
    assert found.reason.endswith(": rn draws random numbers")
    assert conclude([found], [], depends_on_input=True) == ("inconclusive", (f"y: {found.reason}",))


def test_a_cause_that_is_no_known_operator_counts_as_well() -> None:
    custom = Node("c", "Own", "own.domain", ("x",), ("y",), {})
    found = judged(draws(1, 1), draws(1, 2), draws(1, 3), graph(custom))
    assert (found.verdict, "draw" in found.reason) == ("inconclusive", False)


@pytest.mark.parametrize("node", [_DRAWS, Node("c", "Own", "own.domain", ("x",), ("n",), {})])
def test_an_engine_that_is_off_by_far_more_than_the_reference_from_itself_is_wrong(node: Node) -> None:
    assert judged(draws(1e-3, 1), draws(1, 2), draws(1e-3, 3), graph(node, _ADD)).verdict == "failed"


def test_what_no_random_number_reaches_is_judged() -> None:
    """As where dropout is off, or noise is taken times 0."""
    assert judged(draws(0, 1), draws(1, 2), draws(0, 3), graph(_DRAWS, _ADD), same_runtime=False).verdict == "failed"


def test_a_seed_is_the_same_for_one_runtime_alone() -> None:
    of = graph(_SEEDED, _ADD)
    found = judged(draws(1, 1), draws(1, 2), draws(1, 1), of, same_runtime=False)
    assert (found.verdict, found.reason) == (
        "inconclusive",
        "a seed gives each runtime numbers of its own: rn draws random numbers",
    )
    assert judged(draws(1, 1), draws(1, 2), draws(1, 1), of).verdict == "failed"


def test_other_shapes_in_each_run_are_no_fault_of_the_engine() -> None:
    longer = [np.zeros((2, 9), np.float32)] * 16
    found = judged(draws(1, 1), longer, [*longer[1:], draws(1, 1)[0]], graph(_DRAWS, _ADD))
    assert (found.verdict, "cannot be compared with each other" in found.reason) == ("inconclusive", True)


def test_the_reference_runs_again_only_where_an_output_failed() -> None:
    output = judge_output("y", draws(1, 1), draws(1, 1), Criterion(1e-4))
    assert output.verdict == "passed"
    found = without_unrepeated([output], {}, lambda: pytest.fail("not needed"), graph(_DRAWS), same_runtime=True)
    assert found == (output,)


def test_an_output_that_fails_beside_one_that_is_not_judged_fails_the_whole() -> None:
    failed = judge_output("z", draws(0, 1), draws(1, 1), Criterion(1e-4))
    unclear = replace(failed, name="y", verdict="inconclusive", reason="why")
    verdict, reasons = conclude([unclear, failed], [], depends_on_input=True)
    assert (verdict, reasons[0][:2], reasons[1]) == ("failed", "z:", "y: why")


@pytest.mark.parametrize(
    ("node", "draws_numbers"),
    [
        (_DRAWS, True),
        (_DROPOUT, True),
        (Node("d", "Dropout", "", ("x", "ratio"), ("n",), {}), False),
        (Node("d", "Bernoulli", "own.domain", ("x",), ("n",), {}), False),
        (Node("loop", "Loop", "", ("m",), ("n",), {}, True, (), (("body", graph(_DROPOUT)),)), True),
    ],
)
def test_nodes_that_draw_are_found_in_bodies_too(node: Node, draws_numbers: bool) -> None:
    aside = Node("aside", "Bernoulli", "", ("x",), ("z",), {})
    found = random_nodes(graph(aside, node, _ADD), "y")
    assert found == ([node] if draws_numbers else [])


def test_no_seed_excuses_what_is_no_number() -> None:
    nothing = [np.full((2, 8), np.nan, np.float32)] * 16
    found = judged(draws(1, 1), nothing, draws(1, 1), graph(_SEEDED, _ADD), same_runtime=False)
    assert found.verdict == "failed"
