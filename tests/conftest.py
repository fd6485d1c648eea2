"""Settings of every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

# The same examples every run, so a red run can be repeated; no deadline, as guests are slow.
settings.register_profile("listenwatch", derandomize=True, deadline=None, database=None)
settings.load_profile("listenwatch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What two processes may run beside each other (pytest-xdist): this kernel's tests, and each file of guests."""
    for item in items:
        guest = item.get_closest_marker("guest")
        item.add_marker(pytest.mark.xdist_group(item.path.stem if guest else "here"))
