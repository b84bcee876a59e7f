"""The project's own source, parsed, for the rules it keeps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Module:
    """A module: its dotted name and its code."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def within(self, *packages: str) -> bool:
        """Whether the module is one of these or inside one of them."""
        return any(f"{self.name}.".startswith(f"{package}.") for package in packages)

    def imports(self) -> Iterator[str]:
        """Yield every module that is imported, wherever it stands, ``from a import b`` as a.b."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: imports are absolute"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def functions(self) -> Iterator[Function]:
        """Yield every function, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


def modules() -> tuple[Module, ...]:
    """Return every module of the product and its sandbox."""
    paths = sorted(p for package in ("bot", "handlers") for p in (ROOT / package).rglob("*.py"))
    return tuple(Module(_dotted(path), path.read_text(encoding="utf-8")) for path in paths)


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def length(function: Function) -> int:
    """Return how many lines a function has, decorators aside."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def nesting(node: ast.AST, depth: int = 0) -> int:
    """Return how deep blocks stand within each other; an ``elif`` is no deeper than its ``if``."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        below = depth + (isinstance(child, _BLOCKS) and not is_elif)
        deepest = max(deepest, nesting(child, 0 if isinstance(child, _SCOPES) else below))
    return deepest


def undocumented(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield the public classes, functions and methods without a docstring."""
    for child in node.body:
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_"):
            continue
        if ast.get_docstring(child) is None:
            yield child.name
        if isinstance(child, ast.ClassDef):
            yield from (f"{child.name}.{name}" for name in undocumented(child))
