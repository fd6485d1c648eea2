"""Lower never imports higher: the order of DESIGN.md, enforced by reading every import."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "listenwatch"

# What the model may use besides itself: plain types, nothing that can look at a machine.
MODEL_MAY_USE = {"__future__", "collections.abc", "enum", "errno", "functools", "typing"}

ORDER = (
    ("listenwatch", "listenwatch.errors"),
    ("listenwatch.model", "listenwatch.engines"),
    ("listenwatch.kernel", "listenwatch.record"),
    ("listenwatch.reasons",),
    ("listenwatch.verdict",),
    ("listenwatch.summary",),
    ("the rest: everything that shows, drives or stores",),
    ("listenwatch.commands",),
    ("listenwatch.cli",),
    ("listenwatch.__main__",),
)
"""From the lowest to the highest; modules of one row do not import each other."""
REST = 6


def module_name(path: Path) -> str:
    """``listenwatch.model.run`` for its file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imports(path: Path) -> set[str]:
    """Every module a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            assert node.module
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inside & set(MODULES)) or {node.module}
    return found


def row_of(module: str) -> tuple[int, str]:
    """The row of ORDER a module stands in, and the entry that says so."""
    for number, row in enumerate(ORDER):
        for entry in row:
            if module == entry or (module.startswith(f"{entry}.") and entry != "listenwatch"):
                return number, entry
    return REST, "rest"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_lower_never_imports_higher(module: str) -> None:
    own = row_of(module)
    for other in imports(MODULES[module]):
        if other.split(".")[0] != "listenwatch":
            continue
        theirs = row_of(other)
        assert theirs[0] < own[0] or theirs == own, f"{module} imports {other}"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if ".model" in m))
def test_the_model_sees_nothing_but_itself(module: str) -> None:
    for other in imports(MODULES[module]):
        assert other.startswith("listenwatch.model.") or other in MODEL_MAY_USE, other


@pytest.mark.parametrize("module", sorted(m for m in MODULES if ".engines" in m))
def test_engines_interpret_nothing(module: str) -> None:
    ours = {other for other in imports(MODULES[module]) if other.startswith("listenwatch")}
    assert {other for other in ours if ".engines" not in other} <= {"listenwatch.errors"}


def test_no_import_cycle() -> None:
    graph = {name: imports(path) & set(MODULES) - {name} for name, path in MODULES.items()}
    while graph:
        free = {name for name, needs in graph.items() if not needs & set(graph)}
        assert free, f"modules that import each other are among: {sorted(graph)}"
        graph = {name: needs for name, needs in graph.items() if name not in free}


@pytest.mark.parametrize(
    "statement", ["import socket", "from os import path", "def f():\n    import time"]
)
def test_the_reader_of_imports_sees_each_kind(statement: str, tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text(statement)
    assert imports(source) <= {"socket", "os", "time"} and imports(source)
