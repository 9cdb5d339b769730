"""`python -m benchmarks`: ours and its peers, alternated in one run; one table, and the same as JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from alexnet_bench.core.atomic import check_writable
from alexnet_bench.core.errors import OutputError
from benchmarks import document, environment
from benchmarks.document import Answer
from benchmarks.registry import BENCHMARKS, Benchmark
from benchmarks.rows import Row
from benchmarks.settings import Settings
from benchmarks.table import print_table

DEFAULT_JSON = Path(__file__).resolve().parents[1] / "profiles" / "runs" / "bench.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what was asked for; 0 when all goals are met, 1 otherwise."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        for benchmark in BENCHMARKS:
            print(f"{benchmark.name:16} {benchmark.question}")
        return 0
    wanted = [item for item in BENCHMARKS if not options.only or item.name in options.only]
    if options.network:
        wanted = [item for item in wanted if set(item.networks) & set(options.network)]
        if not wanted:
            parser.error(f"{', '.join(options.only)} has no rows for {', '.join(options.network)} alone")
    try:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        check_writable(options.json)
    except (OSError, OutputError) as error:
        parser.error(str(error))
    here = environment.describe()
    networks = tuple(options.network or ())
    answers: list[Answer] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for number, benchmark in enumerate(wanted, 1):
            _say(f"{number}/{len(wanted)} {benchmark.name}: {benchmark.question}")
            folder = Path(scratch) / benchmark.name
            folder.mkdir()
            before = tuple(answers)
            for answer in _answers(benchmark, Settings(folder, _say, options.quick, options.rounds, networks)):
                answers = [*before, answer]
                document.write(options.json, here, answers, quick=options.quick)
    print_table(answers, sys.stdout, quick=options.quick)
    _say(f"written to {options.json}")
    return int(any(row.fails_the_run for answer in answers for row in answer.rows))


def _answers(benchmark: Benchmark, settings: Settings) -> Iterator[Answer]:
    """Runs one benchmark, and gives what it has found so far after each row."""
    start, before = time.monotonic(), environment.busy()
    rows: tuple[Row, ...] = ()
    for row in _rows(benchmark, settings):
        rows = (*rows, row)
        elapsed_s = time.monotonic() - start
        others = environment.others_fraction(before, environment.busy(), elapsed_s)
        yield Answer(benchmark.name, rows, elapsed_s, others)


def _rows(benchmark: Benchmark, settings: Settings) -> Iterator[Row]:
    """Whatever goes wrong becomes a row, so that the other benchmarks still run."""
    try:
        yield from benchmark.run(settings)
    except Exception as error:  # noqa: BLE001 - the row says why, and the exit status is 1
        hint = getattr(error, "hint", "")
        yield Row(benchmark.name, failure=f"{type(error).__name__}: {error}" + (f" ({hint})" if hint else ""))


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="run only this; may be repeated")
    measurable = sorted({network for benchmark in BENCHMARKS for network in benchmark.networks})
    parser.add_argument(
        "--network",
        action="append",
        choices=measurable,
        metavar="NAME",
        help=f"only the rows of this network, where there are such; may be repeated: {', '.join(measurable)}",
    )
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not to quote")
    parser.add_argument("--rounds", type=_positive, help="in place of each benchmark's own number of rounds")
    parser.add_argument("--list", action="store_true", help="show the benchmarks and end")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, metavar="PATH", help="default: %(default)s")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    sys.exit(main())
