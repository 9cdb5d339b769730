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
    from alexnet_bench.core.inspection import Inspection, InspectionSet
    from alexnet_bench.core.passport import Passport
    from alexnet_bench.core.profile import Ceilings, LayerProfile, Profile, ProfileSet
    from alexnet_bench.core.symbolic import SymbolicCounts
    from alexnet_bench.core.verification import Verification
    from alexnet_bench.engine.apply import apply_passes
    from alexnet_bench.graph.passes import PassResult
    from alexnet_bench.workflows.ceilings import machine_ceilings as ceilings
    from alexnet_bench.workflows.contests.contest import contest
    from alexnet_bench.workflows.contests.options import ContestOptions
    from alexnet_bench.workflows.engines.build import build_engine
    from alexnet_bench.workflows.engines.options import BuildOptions
    from alexnet_bench.workflows.export import export
    from alexnet_bench.workflows.inspection.inspect import inspect, inspect_all
    from alexnet_bench.workflows.inspection.plan import InspectOptions
    from alexnet_bench.workflows.models import list_models as models
    from alexnet_bench.workflows.options import Options
    from alexnet_bench.workflows.profile import profile, profile_set
    from alexnet_bench.workflows.report import read_profile, write_profile
    from alexnet_bench.workflows.symbolic import symbolic_counts
    from alexnet_bench.workflows.verification.options import VerifyOptions
    from alexnet_bench.workflows.verification.verify import verify

_PUBLIC = {
    "AlexnetBenchError": "core.errors",
    "BuildOptions": "workflows.engines.options",
    "Ceilings": "core.profile",
    "Contest": "core.contest",
    "ContestOptions": "workflows.contests.options",
    "InspectOptions": "workflows.inspection.plan",
    "Inspection": "core.inspection",
    "InspectionSet": "core.inspection",
    "LayerProfile": "core.profile",
    "Options": "workflows.options",
    "PassResult": "graph.passes",
    "Passport": "core.passport",
    "Profile": "core.profile",
    "ProfileSet": "core.profile",
    "SymbolicCounts": "core.symbolic",
    "Verification": "core.verification",
    "VerifyOptions": "workflows.verification.options",
    "apply_passes": "engine.apply",
    "build_engine": "workflows.engines.build",
    "ceilings": "workflows.ceilings:machine_ceilings",
    "contest": "workflows.contests.contest",
    "export": "workflows.export",
    "inspect": "workflows.inspection.inspect",
    "inspect_all": "workflows.inspection.inspect",
    "models": "workflows.models:list_models",
    "profile": "workflows.profile",
    "profile_set": "workflows.profile",
    "read_profile": "workflows.report",
    "symbolic_counts": "workflows.symbolic",
    "verify": "workflows.verification.verify",
    "write_profile": "workflows.report",
}
"""Where each name lives, with the name that it has there where that is another one."""

__all__ = [
    "AlexnetBenchError",
    "BuildOptions",
    "Ceilings",
    "Contest",
    "ContestOptions",
    "InspectOptions",
    "Inspection",
    "InspectionSet",
    "LayerProfile",
    "Options",
    "PassResult",
    "Passport",
    "Profile",
    "ProfileSet",
    "SymbolicCounts",
    "Verification",
    "VerifyOptions",
    "__version__",
    "apply_passes",
    "build_engine",
    "ceilings",
    "contest",
    "export",
    "inspect",
    "inspect_all",
    "models",
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
    module, _, attribute = _PUBLIC[name].partition(":")
    value: object = getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
