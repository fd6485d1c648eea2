"""Guests side by side: what shares one boot stays together, and what takes longest begins first."""

from __future__ import annotations

import pytest

LONGEST = ("test_verify_guest", "test_lab_guest", "test_engines_guest", "test_sabotage", "test_riscv64_guest", "test_overflow_guest")
"""The modules with guests that take a minute and more, the longest first: a worker that gets one last keeps all waiting."""


@pytest.hookimpl(tryfirst=True)  # xdist then looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For ``--dist loadgroup``: a module is a group, and so is each kernel of a module that boots several."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(f"{_module(item)}{_series(item)}"))
    items.sort(key=lambda item: LONGEST.index(_module(item)) if _module(item) in LONGEST else len(LONGEST))


def _module(item: pytest.Item) -> str:
    return item.path.stem


def _series(item: pytest.Item) -> str:
    """What a module's fixture that boots is asked for, if anything."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return next((f" {parameters[name]}" for name in ("seen", "found") if name in parameters), "")
