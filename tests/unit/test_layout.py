"""The tests mirror the package, and none imports another: what they share is in tests/helpers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.imports import PACKAGE

TESTS = ROOT / "tests"
UNIT = TESTS / "unit"
KINDS = ("tests.unit", "tests.kernel", "tests.guest")


def imported(path: Path) -> set[str]:
    """Every module a file imports, and every name it takes from one, as ``module.name``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_is_imported(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith(KINDS)]


def test_each_folder_is_a_room_of_the_package() -> None:
    folders = {path.relative_to(UNIT) for path in UNIT.rglob("*") if any(path.glob("test_*.py"))}
    assert len(folders) > 10
    assert not [str(folder) for folder in folders if not (PACKAGE / folder / "__init__.py").exists()]


@pytest.mark.parametrize("path", sorted(UNIT.glob("*/**/test_*.py")), ids=lambda path: str(path.relative_to(UNIT)))
def test_a_module_is_about_its_room(path: Path) -> None:
    room = ".".join(("listenwatch", *path.parent.relative_to(UNIT).parts))
    rooms = (room, "listenwatch.cli") if room == "listenwatch.commands" else (room,)
    assert [name for name in imported(path) if name.startswith(rooms)], f"nothing of {room} is used here"
