"""Which share of the multiply-adds and of the profiled time is put on nodes of the user's graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.profile import Coverage
from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile
from benchmarks import models
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings

MACS_GOAL = 1.0
TIME_GOAL = 0.98
_NO_PEER = "no peer: ONNX Runtime's own trace names fused nodes, and gives no such share"


def run(settings: Settings) -> Iterator[Row]:
    """The least attributed over all models; then, to inform, the most of what is attributed to no node at all."""
    # One process for the latency, which is not asked for here; the layer run gets a third of the seconds.
    options = Options(seconds=settings.seconds_of(1.5, quick=0.3), processes=1)
    found: dict[str, Coverage] = {}
    failures: list[str] = []
    names = [*models.reference_networks(), *models.package_models()]
    for number, name in enumerate(names, 1):
        settings.say(f"{number}/{len(names)} {name}")
        try:
            found[name] = profile(name, options=options).coverage
        except AlexnetBenchError as error:
            failures.append(f"{name}: {error}")
    if failures:
        yield Row("models profiled", failure="; ".join(failures))
    yield _minimum("MACs", {name: item.macs_attributed_fraction for name, item in found.items()}, MACS_GOAL)
    yield _minimum("time", {name: item.time_attributed_fraction for name, item in found.items()}, TIME_GOAL)
    yield _maximum("identified overhead", {name: item.overhead_fraction for name, item in found.items()})
    yield _maximum("time outside kernels", {name: item.outside_kernels_fraction for name, item in found.items()})


def _minimum(what: str, shares: Mapping[str, float | None], goal: float) -> Row:
    known = {name: share for name, share in shares.items() if share is not None}
    unknown = sorted(set(shares) - set(known))
    title = f"{what} attributed, minimum of {len(known)} models"
    if not known or unknown:
        return Row(title, failure=f"no share for: {', '.join(unknown) or 'any model'}")
    worst = min(known, key=known.__getitem__)
    return Row(
        title,
        ours=Quantity(known[worst], "fraction"),
        goal=Goal("ours", low=goal),
        notes=(f"lowest: {worst}" if len(set(known.values())) > 1 else "the same on every model", _NO_PEER),
        samples={name: [share] for name, share in known.items()},
    )


def _maximum(what: str, shares: Mapping[str, float | None]) -> Row:
    known = {name: share for name, share in shares.items() if share is not None}
    if not known:
        return Row(what, failure="no share for any model", binding=False)
    most = max(known, key=known.__getitem__)
    return Row(
        f"{what}, maximum of {len(known)} models",
        ours=Quantity(known[most], "fraction"),
        binding=False,
        notes=(f"highest: {most}", _NO_PEER),
        samples={name: [share] for name, share in known.items()},
    )
