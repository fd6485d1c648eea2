"""Settings of every test."""

from __future__ import annotations

from hypothesis import settings

# The same examples every run, so a red run can be repeated; no deadline, as guests are slow.
settings.register_profile("listenwatch", derandomize=True, deadline=None, database=None)
settings.load_profile("listenwatch")
