"""Real runs, kept short, in a cache of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_bench import Options, Profile, profile

QUICK = Options(seconds=0.06, processes=2)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for the whole session, so that ceilings are measured once."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)  # the exported networks are large


@pytest.fixture(scope="session")
def measured(cache: Path) -> dict[str, Profile]:  # noqa: ARG001 - the cache has to be set first
    """One profile of each kind of model: ours, and one from elsewhere."""
    return {name: profile(name, options=QUICK) for name in ("lenet-5", "onnx:squeezenet")}
