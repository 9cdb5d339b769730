"""The passport of an engine that was just built."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.core.passport import Passport
from alexnet_bench.engine import loading
from alexnet_bench.engine.hashes import engine_hash
from alexnet_bench.engine.key import Place
from alexnet_bench.engine.recipe import Recipe, as_document
from alexnet_bench.workflows.engines.steps import Built


@dataclass(frozen=True)
class Made:
    """What a build was given, and how long it took.

    Attributes:
        key: of the engine.
        model_sha256: of the model.
        recipe: that was followed.
        place: with what and for what.
        build_s: in seconds.
    """

    key: str
    model_sha256: str
    recipe: Recipe
    place: Place
    build_s: float


def passport_of(made: Made, built: Built, folder: Path) -> Passport:
    """The passport of an engine.

    Args:
        made: how it came about.
        built: what the build gave, its files still where they were written.
        folder: where it will lie.
    """
    files = loading.engine_files(built.written.file, made.key)
    weights = loading.weights_in(built.written.file.parent)
    graph = loading.graph_file(built.written.file) if loading.is_plan(built.written.file) else None
    return Passport(
        key=made.key,
        model_sha256=made.model_sha256,
        recipe=as_document(made.recipe),
        backend=made.place.backend,
        backend_version=made.place.backend_version,
        target=made.place.target,
        device=made.place.device,
        driver=made.place.driver,
        requested_precision=made.recipe.precision or None,
        compute_dtypes=built.compute_dtypes,
        layers=built.layers,
        passes=built.written.passes,
        origins={name: origin for name, origin in built.written.origins.items() if origin != (name,)},
        macs_attributed_fraction=built.macs_attributed_fraction,
        size_bytes=sum(file.stat().st_size for file in files),
        build_s=round(made.build_s, 3),
        engine_sha256=engine_hash(files, None),
        timing_cache_sha256=built.timing_cache_sha256,
        path=str((folder / built.written.file.name).resolve()),
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        refit_sha256=engine_hash(loading.engine_files(weights, made.key), None) if weights else None,
        graph_file_sha256=engine_hash([graph], None) if graph else None,
        notes=built.notes,
    )
