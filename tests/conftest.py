"""Settings of every test."""

from __future__ import annotations

from hypothesis import settings

from listenwatch.model import predict
from listenwatch.verdict import compare, judge, pattern

# The same examples every run, so a red run can be repeated; no deadline, as guests are slow.
settings.register_profile("listenwatch", derandomize=True, deadline=None, database=None)
settings.load_profile("listenwatch")


def pytest_runtest_setup() -> None:
    """Forget predictions: no test depends on another's, and mutmut sees which test reaches which function."""
    predict._run.cache_clear()
    compare._visible.cache_clear()
    judge._outcome.cache_clear()
    pattern._unpacks_numbers.cache_clear()
