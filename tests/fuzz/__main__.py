"""`python -m tests.fuzz --seconds 3600 --keep found/`: mutants counted until the time is up; what breaks is kept.

A mutant may be refused with one of the tool's own errors. Anything else that is raised, more than ten seconds, or more
than a gigabyte of memory is a finding: the model is kept, and the exit status is 1. With `--passes` the mutants are
not counted: every pass over graphs runs on them.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import onnx
from onnx.external_data_helper import uses_external_data

import alexnet_bench
from alexnet_bench.core.process_memory import peak_bytes
from alexnet_bench.graph.formulas import UNCOUNTED, registered
from alexnet_bench.graph.passes import PASSES
from alexnet_bench.graph.walk import all_tensors
from alexnet_bench.report.markdown import to_markdown
from alexnet_bench.report.table import print_profile
from tests.fuzz.bases import bases, bases_of_passes
from tests.fuzz.mutator import Mutator

MAX_SECONDS = 10
MAX_BYTES = 1 << 30


class TooLong(BaseException):
    """A mutant took longer than `MAX_SECONDS`; no handler for ordinary exceptions may catch it."""


def main() -> int:
    """Mutates until the time is up and returns 0 when nothing broke."""
    options = _options()
    faulthandler.enable()
    signal.signal(signal.SIGALRM, _alarm)
    mutator = Mutator(options.seed, [op for _, op in (*registered(), *UNCOUNTED)])
    models, work = (bases_of_passes(), _change) if options.passes else (bases(), _count)
    done = accepted = found = 0
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.onnx"
        while time.monotonic() < end and done < options.count:
            model = mutator.choose(models)
            mutator.mutate(model)
            path.write_bytes(model.SerializeToString())
            done += 1
            verdict = _try(work, path)
            accepted += not verdict
            if verdict not in ("", "refused"):
                found += 1
                print(f"mutant {done} of seed {options.seed}: {verdict}", file=sys.stderr)
                _keep(path, options.keep, f"seed{options.seed}-{done}.onnx")
    peak = peak_bytes() or 0
    print(f"{done:,} mutants, {accepted:,} accepted, {found} broke the tool, peak memory {peak >> 20} MiB")
    return int(found > 0 or peak > MAX_BYTES)


def _count(path: Path) -> None:
    """Counts a mutant and shows it, as `profile --static` does."""
    profile = alexnet_bench.profile(path, options=alexnet_bench.Options(static=True))
    to_markdown(profile)
    print_profile(profile, io.StringIO(), width=80)


def _change(path: Path) -> None:
    """Runs every pass on a mutant, and again on what it makes of it; a pass is never given weights of another file."""
    model = onnx.load(path, load_external_data=False)
    if not any(map(uses_external_data, all_tensors(model))):
        for name in PASSES:
            alexnet_bench.apply_passes(model, [name, name])


def _try(work: Callable[[Path], None], path: Path) -> str:
    """Does something with a mutant: "", "refused", or what went wrong."""
    signal.alarm(MAX_SECONDS)
    try:
        work(path)
    except alexnet_bench.AlexnetBenchError as error:
        return "refused" if error.exit_code == 2 and error.message else f"an error of the wrong kind: {error!r}"
    except TooLong:
        return f"took longer than {MAX_SECONDS} s"
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        return traceback.format_exc(limit=-5)
    finally:
        signal.alarm(0)
    return ""


def _alarm(_: int, __: FrameType | None) -> None:
    raise TooLong


def _keep(path: Path, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--count", type=int, default=sys.maxsize, help="at most so many mutants")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--passes", action="store_true", help="run the passes in place of the counts")
    parser.add_argument("--keep", type=Path, help="folder for the models that break the tool")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
