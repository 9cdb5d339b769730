"""Where every microsecond of an ONNX model goes: FLOPs, bytes, time and roofline per node of your own graph.

    import alexnet_bench

    profile = alexnet_bench.profile("model.onnx", batch=8)
    print(profile.latency.median_s, profile.layers[0].name)

Everything heavy is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from alexnet_bench.core.contest import Contest
    from alexnet_bench.core.errors import AlexnetBenchError
    from alexnet_bench.core.passport import Passport
    from alexnet_bench.core.profile import LayerProfile, Profile, ProfileSet
    from alexnet_bench.core.verification import Verification
    from alexnet_bench.workflows.contests.contest import contest
    from alexnet_bench.workflows.contests.options import ContestOptions
    from alexnet_bench.workflows.engines.build import build_engine
    from alexnet_bench.workflows.engines.options import BuildOptions
    from alexnet_bench.workflows.export import export
    from alexnet_bench.workflows.options import Options
    from alexnet_bench.workflows.profile import profile, profile_set
    from alexnet_bench.workflows.report import read_profile, write_profile
    from alexnet_bench.workflows.symbolic import symbolic_counts
    from alexnet_bench.workflows.verification.options import VerifyOptions
    from alexnet_bench.workflows.verification.verify import verify

_PUBLIC = {
    "AlexnetBenchError": "core.errors",
    "BuildOptions": "workflows.engines.options",
    "Contest": "core.contest",
    "ContestOptions": "workflows.contests.options",
    "LayerProfile": "core.profile",
    "Options": "workflows.options",
    "Passport": "core.passport",
    "Profile": "core.profile",
    "ProfileSet": "core.profile",
    "Verification": "core.verification",
    "VerifyOptions": "workflows.verification.options",
    "build_engine": "workflows.engines.build",
    "contest": "workflows.contests.contest",
    "export": "workflows.export",
    "profile": "workflows.profile",
    "profile_set": "workflows.profile",
    "read_profile": "workflows.report",
    "symbolic_counts": "workflows.symbolic",
    "verify": "workflows.verification.verify",
    "write_profile": "workflows.report",
}

__all__ = [
    "AlexnetBenchError",
    "BuildOptions",
    "Contest",
    "ContestOptions",
    "LayerProfile",
    "Options",
    "Passport",
    "Profile",
    "ProfileSet",
    "Verification",
    "VerifyOptions",
    "__version__",
    "build_engine",
    "contest",
    "export",
    "profile",
    "profile_set",
    "read_profile",
    "symbolic_counts",
    "verify",
    "write_profile",
]


def __getattr__(name: str) -> object:
    """Imports a public name from where it lives, when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
