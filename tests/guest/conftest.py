"""Guests side by side: the modules that take longest begin first."""

from __future__ import annotations

import pytest

LONGEST = ("test_engines_guest", "test_verify_guest", "test_overflow_guest", "test_lab_guest", "test_sabotage", "test_arm64_guest")
"""Those that take more than a minute and a half, the longest first: a worker that gets one last keeps all waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For ``--dist loadfile --no-loadscope-reorder``."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
