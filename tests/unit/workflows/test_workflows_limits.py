"""What is refused before a run, and how long a run is waited for."""

from __future__ import annotations

import pytest

from alexnet_bench.backends.client import MAX_WAIT_S, Deadlines
from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.core.errors import UsageError
from alexnet_bench.workflows import limits, options


def costs(flop: int | None = 0, *, moved: int | None = 0, assumed: str = "") -> CostTable:
    row = NodeCost(
        name="n",
        op="Op",
        output_shapes=((1,),),
        params=0,
        trainable_params=0,
        weight_bytes=0,
        activation_bytes=0,
        live_bytes=0,
        macs=flop,
        flop=flop,
        transcendentals=flop,
        bytes_read=moved,
        bytes_written=0,
        why_unknown="why" if flop is None else "",
        why_no_bytes="why" if moved is None else "",
        assumed=assumed,
    )
    return CostTable((row,), 0, 0, 0, 0, 0, "n")


@pytest.mark.parametrize(
    ("table", "pass_s"),
    [
        (costs(0), 60.0),
        (costs(10**11), 160.0),
        (costs(0, moved=10**10), 70.0),
        (costs(2**62), MAX_WAIT_S),
        (costs(None), MAX_WAIT_S),
        (costs(5, assumed="one turn of the loop"), MAX_WAIT_S),
        (costs(5, moved=None), MAX_WAIT_S),
    ],
)
def test_a_pass_may_take_what_its_work_allows(table: CostTable, pass_s: float) -> None:
    assert limits.deadlines(table, None) == Deadlines(MAX_WAIT_S, pass_s)


def test_what_the_user_gives_holds_for_loading_and_for_each_pass() -> None:
    assert limits.deadlines(costs(None), 1234.0) == Deadlines(1234.0, 1234.0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 86_401.0])
def test_a_time_that_cannot_be_waited_for(seconds: float) -> None:
    with pytest.raises(UsageError, match="no time to wait for"):
        options.check_timeout(seconds)


def test_none_and_a_day_are_fine() -> None:
    options.check_timeout(None)
    options.check_timeout(86_400)
