"""Limits of the product's own code: short files and functions, plain names, and no text where a value is meant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.imports import MODULES

OURS = {name: path for name, path in MODULES.items() if ".labs.exercises." not in name}
"""The package without the programs that students start from."""
TREES = {name: ast.parse(path.read_text()) for name, path in OURS.items()}

FILE_LINES, FUNCTION_LINES = 250, 60
ALL_LINES = 38_000
VAGUE_NAMES = ("found", "one", "told")
"""Variables that do not say what they hold."""
DIFFERENCE_FIELDS = {"place", "field", "predicted", "observed"}
TEXT_METHODS = {"startswith", "endswith", "split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix"}
FOREIGN_PATHS = re.compile(r"(^|[\"'\s(/])(tests/|vagrant/|\.\./probes)")


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("module", sorted(OURS))
def test_no_file_is_long(module: str) -> None:
    assert lines_of(OURS[module]) <= FILE_LINES


@pytest.mark.parametrize("module", sorted(OURS))
def test_no_function_is_long(module: str) -> None:
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions(TREES[module])}
    assert not {name: length for name, length in lengths.items() if length > FUNCTION_LINES}


def test_the_product_does_not_grow() -> None:
    assert sum(map(lines_of, OURS.values())) < ALL_LINES


# -- no English where a value is meant


def texts_of_differences(tree: ast.AST) -> list[int]:
    """The lines on which a text is compared with, or cut out of, a field that a Difference has."""

    def is_field(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr in DIFFERENCE_FIELDS

    def is_text(node: ast.AST) -> bool:
        return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))

    def has_text(node: ast.AST) -> bool:
        parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
        return any(is_text(part) or (isinstance(part, ast.Name) and part.id.isupper()) for part in parts)

    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(is_field, sides)) and any(map(has_text, sides)):
                lines.append(node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr in TEXT_METHODS and is_field(node.value):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("module", sorted(OURS.keys() - {"listenwatch.report.text"}))
def test_no_text_of_a_difference_is_compared(module: str) -> None:
    assert not texts_of_differences(TREES[module])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("d.field == 'result'", [1]),
        ("d.observed in ('x', 'y')", [1]),
        ("d.observed == NOT_REACHED", [1]),
        ("f'{x}' != d.predicted", [1]),
        ("d.field.endswith(AGAINST)", [1]),
        ("d.place == place and d.predicted is None", []),
        ("d.observed.state", []),
    ],
)
def test_the_reader_of_comparisons_sees_each_kind(statement: str, expected: list[int]) -> None:
    assert texts_of_differences(ast.parse(statement)) == expected


# -- an installed wheel has no checkout around it


def paths_outside(tree: ast.Module) -> list[str]:
    """Every text, except documentation, that leads out of the package."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in documentation and FOREIGN_PATHS.search(node.value)
    ]


@pytest.mark.parametrize("module", sorted(OURS))
def test_no_product_code_reads_the_checkout(module: str) -> None:
    assert not paths_outside(TREES[module])


# -- names that say what they hold


def variables(tree: ast.Module) -> Iterator[str]:
    """Every name that a module gives to a value, once for each scope's mention."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


@pytest.mark.parametrize("name", VAGUE_NAMES)
def test_names_say_what_they_hold(name: str) -> None:
    places = [f"{module}: {n}" for module, tree in TREES.items() for n in variables(tree) if n == name]
    assert not places
