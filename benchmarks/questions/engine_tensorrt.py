"""Engines of TensorRT-RTX, which builds without a GPU: what they weigh, whose their layers are, how long they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from alexnet_bench import BuildOptions, Passport, build_engine
from alexnet_bench.core.errors import BackendRefusal
from benchmarks import commands, models, throughput
from benchmarks.cached import hit_row, wall_s
from benchmarks.interleave import interleave, middle
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings

NETWORK = "alexnet-2012"
BACKEND = "tensorrt-rtx"
MOST_OF_FP32 = 0.52
MOST_BUILD_S = 6.0
_MODULE = "tensorrt_rtx"
_PRECISIONS = ("fp32", "fp16")
_COMPUTED_IN = {"fp32": "float32", "fp16": "float16"}
_QUICK_MODELS = ("alexnet-2012", "lenet-5", "onnx:squeezenet")


def run(settings: Settings) -> Iterator[Row]:
    """Sizes and types of the 2012 net, the MACs of every model, then the commands."""
    if commands.missing([_MODULE]):
        yield Row("engines of TensorRT-RTX", failure=f"{_MODULE} is not installed: pip install -e '.[rtx]'")
        return
    with throughput.empty_cache(settings.scratch):
        built = {precision: _build(NETWORK, precision, settings) for precision in _PRECISIONS}
        yield _size_row(built["fp32"], built["fp16"])
        yield from (_types_row(precision, passport) for precision, passport in built.items())
        names = _QUICK_MODELS if settings.quick else (*models.reference_networks(), *models.package_models())
        for precision in _PRECISIONS:
            yield _macs_row(precision, names, settings)
    yield from _commands(settings)


def _build(name: str, precision: str, settings: Settings) -> Passport:
    settings.say(f"building {name} in {precision}")
    return build_engine(name, options=BuildOptions(backend=BACKEND, precision=precision))


def _size_row(wide: Passport, half: Passport) -> Row:
    return Row(
        f"size of the fp16 engine of {NETWORK}, against fp32",
        ours=Quantity(half.size_bytes, "B"),
        peer=Quantity(wide.size_bytes, "B"),
        ratio=Quantity(half.size_bytes / wide.size_bytes, "x"),
        goal=Goal("ratio", high=MOST_OF_FP32),
        notes=(f"TensorRT-RTX {half.backend_version}; peer: our own engine in fp32; the graph beside each counts too",),
    )


def _types_row(precision: str, passport: Passport) -> Row:
    products = [layer for layer in passport.layers if layer.macs]
    wanted = _COMPUTED_IN[precision]
    right = [layer for layer in products if layer.compute_dtype == wanted and wanted in layer.input_dtypes]
    return Row(
        f"layers of {NETWORK} with multiply-adds that read and compute {wanted}",
        ours=Quantity(len(right), f"of {len(products)}"),
        goal=Goal("ours", low=len(products)),
        notes=("read back from what TensorRT says of the engine that it built",),
    )


def _macs_row(precision: str, names: Sequence[str], settings: Settings) -> Row:
    """How many models have all their multiply-adds in layers; one that the parser refuses is listed instead."""
    fractions: dict[str, float] = {}
    refused = []
    for name in names:
        try:
            fractions[name] = _build(name, precision, settings).macs_attributed_fraction or 0.0
        except BackendRefusal as error:
            refused.append(f"{name}: {error.message}")
    return Row(
        f"models with all their MACs in layers of the engine, {precision}",
        ours=Quantity(sum(1 for fraction in fractions.values() if fraction == 1.0), f"of {len(fractions)}"),
        goal=Goal("ours", low=len(fractions)),
        notes=("by the metadata of the layers", *(f"refused: {text}" for text in refused)),
        samples={"fraction": list(fractions.values())},
    )


def _commands(settings: Settings) -> Iterator[Row]:
    """The command that builds, and the same with the engine in the cache."""
    cache = settings.scratch / "command-cache"
    cache.mkdir()
    for precision in _PRECISIONS:
        build = commands.alexnet_bench("build-engine", NETWORK, "--backend", BACKEND, "--precision", precision, "-q")
        wall_s(build, cache)  # writes the network, and compiles byte code
        settings.say(f"alexnet-bench build-engine, {precision}")
        again = [*build, "--rebuild"]
        rounds = settings.rounds_of(5, quick=1)
        walls = interleave({"build": partial(wall_s, again, cache)}, rounds=rounds)["build"]
        yield Row(
            f"alexnet-bench build-engine, {NETWORK} in {precision}",
            ours=middle(walls, "s"),
            goal=Goal("ours", high=MOST_BUILD_S),
            notes=("wall time of the whole command with --rebuild; no peer: trtexec does not come with pip",),
            samples={"ours_s": walls},
        )
        yield hit_row(f"the same in the cache, {precision}, above start-up", build, cache, settings)
