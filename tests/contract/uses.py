"""Everything of TensorRT that the code touches, read from its source.

Objects of TensorRT are told by the names that they have in the code: `HOLDERS` says of which class each is. A name that
is not there, and holds one all the same, is found by `unknown_holders`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOLDERS: Mapping[str, str] = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "error": "ParserError",
    "inspector": "EngineInspector",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "parser_refitter": "OnnxParserRefitter",
    "plan": "IHostMemory",
    "profile": "IOptimizationProfile",
    "registry": "IPluginRegistry",
    "refitter": "Refitter",
    "runtime": "Runtime",
    "runtime_config": "IRuntimeConfig",
    "tensor": "ITensor",
    "timings": "ITimingCache",
}
"""Classes by the names of variables and, with an underscore before, of attributes."""
OURS = ("log", "severity", "monitor", "profiler")
"""Names without a type that hold no object of TensorRT, or one of a class of our own."""
_MODULE = "trt"
_BY_NAME = ("_must", "_call", "_get", "_set")
"""Methods that take the holder and the member as text."""


@dataclass(frozen=True)
class Use:
    """One place that touches TensorRT.

    Attributes:
        where: file and line.
        function: that it stands in.
        owner: class, or "" for the module.
        member: of it.
        call: number of positional arguments and names of the others, None when it is not called.
        is_set: it is assigned to.
        assigned_to: the name that the result of a call gets, "" for none.
        overrides: it is defined anew in a class of our own, with so many parameters.
    """

    where: str
    function: str
    owner: str
    member: str
    call: tuple[int, tuple[str, ...]] | None = None
    is_set: bool = False
    assigned_to: str = ""
    overrides: int | None = None


@dataclass
class Uses:
    """Of some files.

    Attributes:
        found: all of them.
        guards: by function, names of the module whose absence it copes with.
        untyped: names annotated as Any, with where.
    """

    found: list[Use] = field(default_factory=list)
    guards: dict[str, set[str]] = field(default_factory=dict)
    untyped: dict[str, str] = field(default_factory=dict)


def uses_in(folder: Path) -> Uses:
    """The uses in all files of a folder."""
    uses = Uses()
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(_name(node) in (_MODULE, f"_{_MODULE}") or _is_argument(node) for node in ast.walk(tree)):
            _Reader(uses, path.name).visit(tree)
    return uses


def unknown_holders(uses: Uses) -> list[str]:
    """Names without a type that are in no list here."""
    known = {*HOLDERS, *OURS, _MODULE}
    return [f"{where}: {name}" for name, where in uses.untyped.items() if name.lstrip("_") not in known]


class _Reader(ast.NodeVisitor):
    def __init__(self, uses: Uses, file: str) -> None:
        self.uses, self.file = uses, file
        self.untold: set[str] = set()
        self.functions: list[str] = []
        self.ours: list[set[str]] = []

    def visit_Module(self, node: ast.Module) -> None:
        self.untold = {item.name for item in node.body if isinstance(item, ast.FunctionDef) and _is_any(item.returns)}
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        for argument in arguments:
            if _is_any(argument.annotation):
                self.uses.untyped[argument.arg] = f"{self.file}:{argument.lineno}"
        typed = {argument.arg for argument in arguments if not _is_any(argument.annotation)}
        self.ours.append(_made_here(node, typed, self.untold))
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()
        self.ours.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        name = _name(node.target)
        if _is_any(node.annotation) and name:
            self.uses.untyped[name] = f"{self.file}:{node.lineno}"
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = [base.attr for base in node.bases if isinstance(base, ast.Attribute) and _name(base.value) == _MODULE]
        for base in bases:
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
                    self._add(item, base, item.name, overrides=len(item.args.args) - 1)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if _name(called) == "hasattr" and isinstance(node.args[1], ast.Constant) and self.functions:
            self.uses.guards.setdefault(self.functions[-1], set()).add(str(node.args[1].value))
        elif isinstance(called, ast.Attribute) and called.attr in _BY_NAME:
            self._add_by_name(node, called.attr)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = self._owner(node.value)
        if owner is not None:
            self._add(node, owner, node.attr)
        self.generic_visit(node)

    def visit(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]  # so that a use knows what is done with it
        super().visit(node)

    def _owner(self, node: ast.expr) -> str | None:
        """The class of an object of TensorRT, "" for its module, None for anything else."""
        if isinstance(node, ast.Call):
            made = node.func
            is_made = isinstance(made, ast.Attribute) and self._owner(made.value) == "" and made.attr[0].isupper()
            return made.attr if is_made and isinstance(made, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and self._owner(node.value) == "":
            return node.attr if node.attr[0].isupper() else None
        name = _name(node)
        if name in (_MODULE, f"_{_MODULE}"):
            return ""
        if name is None or any(name in ours for ours in self.ours):
            return None
        is_attribute = isinstance(node, ast.Attribute)
        return HOLDERS.get(name.removeprefix("_")) if is_attribute == name.startswith("_") else None

    def _add(self, node: ast.AST, owner: str, member: str, *, overrides: int | None = None) -> None:
        parent = getattr(node, "parent", None)
        call = _arguments(parent) if isinstance(parent, ast.Call) and parent.func is node else None
        if call is not None and member == "__init__":
            call = call[0] - 1, call[1]  # of a class, with self
        is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        assigned = _assigned(parent) if call is not None else ""
        where = f"{self.file}:{getattr(node, 'lineno', 0)}"
        function = self.functions[-1] if self.functions else ""
        self.uses.found.append(Use(where, function, owner, member, call, is_set, assigned, overrides))

    def _add_by_name(self, node: ast.Call, how: str) -> None:
        told = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
        if len(told) < 2 or not self.functions:
            return
        holder, member = map(str, told)
        owner = "" if holder == _MODULE else HOLDERS.get(holder)
        if owner is None:
            self.uses.untyped[holder] = f"{self.file}:{node.lineno}"
            return
        call = (len(node.args) - 2, ()) if how in ("_must", "_call") else None
        where = f"{self.file}:{node.lineno}"
        use = Use(where, self.functions[-1], owner, member, call, how == "_set", _assigned(node) if call else "")
        self.uses.found.append(use)


def _name(node: ast.AST | None) -> str | None:
    """The name of a variable, or of an attribute of self."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None


def _made_here(function: ast.FunctionDef, typed: set[str], untold: set[str]) -> set[str]:
    """Names of a function that hold something of our own: what our functions and lists gave, errors, and so on.

    Args:
        function: to look at.
        typed: its arguments with a type of their own.
        untold: functions of the file that give something without a type.
    """
    found = set(typed)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_our_call(node.value.func, untold):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Lambda):
            found |= {argument.arg for argument in node.args.args}
    for node in ast.walk(function):
        if not isinstance(node, ast.comprehension | ast.For):
            continue
        if not isinstance(node.iter, ast.Name) or node.iter.id in found:
            found |= {target.id for target in ast.walk(node.target) if isinstance(target, ast.Name)}
    return found


def _is_our_call(called: ast.expr, untold: set[str]) -> bool:
    """Whether it is a function of ours, or a method of an object of ours."""
    if isinstance(called, ast.Attribute):
        owner = called.value
        return isinstance(owner, ast.Name) and owner.id not in (*HOLDERS, *OURS, _MODULE, "importlib", "self")
    return isinstance(called, ast.Name) and called.id not in untold


def _is_argument(node: ast.AST) -> bool:
    return isinstance(node, ast.arg) and node.arg == _MODULE


def _is_any(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "Any"


def _arguments(node: ast.Call) -> tuple[int, tuple[str, ...]]:
    return len(node.args), tuple(keyword.arg for keyword in node.keywords if keyword.arg)


def _assigned(node: ast.AST | None) -> str:
    """The name that a value is given, where it is given one as it is."""
    parent = getattr(node, "parent", None)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and parent.value is node:
        return _name(parent.targets[0]) or ""
    return ""


def in_order(uses: Uses) -> Iterator[str]:
    """What is touched, once each: "ICudaEngine.create_execution_context"."""
    yield from sorted({f"{use.owner}.{use.member}".lstrip(".") for use in uses.found})
