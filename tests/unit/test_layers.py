"""Lower never imports higher: the order of DESIGN.md, enforced by reading every import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.imports import MODULES, imports

# What the model may use besides itself: plain types, nothing that can look at a machine.
MODEL_MAY_USE = {"__future__", "collections.abc", "dataclasses", "enum", "errno", "functools", "typing"}

ORDER = (
    "errors", "version", "model", "linux", "guests", "call", "verdict", "bpf", "seccomp", "features", "prediction",
    "sockets", "configs", "overflow", "conformance", "session", "report", "exporter", "labs", "api", "",
    "pytest_plugin", "commands", "cli", "__main__",
)  # fmt: skip
"""Every file and folder of the package, from the lowest to the highest; "" is the public API, the package itself."""


def room_of(module: str) -> str:
    """The file or folder of the package a module stands in: ``model`` for ``listenwatch.model.run``."""
    return module.removeprefix("listenwatch").removeprefix(".").partition(".")[0]


TO_DO = {
    "listenwatch.session.filters": "argparse",
}


def test_every_room_has_its_row() -> None:
    assert {room_of(module) for module in MODULES} == set(ORDER)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_lower_never_imports_higher(module: str) -> None:
    for other in imports(MODULES[module]):
        if other.split(".")[0] == "listenwatch":
            higher = ORDER.index(room_of(other)) > ORDER.index(room_of(module))
            assert not higher or TO_DO.get(module) == other, f"{module} imports {other}"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if room_of(m) not in ("commands", "cli", "__main__")))
def test_only_commands_know_the_command_line(module: str) -> None:
    assert "argparse" not in imports(MODULES[module]) or TO_DO.get(module) == "argparse"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if room_of(m) == "labs"))
def test_exercises_need_no_scenarios(module: str) -> None:
    assert "conformance" not in {room_of(other) for other in imports(MODULES[module])}


@pytest.mark.parametrize("module", sorted(m for m in MODULES if ".model" in m))
def test_the_model_sees_nothing_but_itself(module: str) -> None:
    for other in imports(MODULES[module]):
        assert other.startswith("listenwatch.model.") or other in MODEL_MAY_USE, other


@pytest.mark.parametrize("module", sorted(m for m in MODULES if ".bpf" in m))
def test_bpf_interprets_nothing(module: str) -> None:
    """Of the model it knows the table of stages, which says what a program fills, and nothing else."""
    ours = {other for other in imports(MODULES[module]) if other.startswith("listenwatch")}
    assert {room_of(other) for other in ours - {"listenwatch.model.stages"}} <= {"bpf", "errors", "linux"}


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
