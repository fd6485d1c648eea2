"""A missing tool or privilege skips a test with the reason, or fails it where it was promised."""

from __future__ import annotations

import os

import pytest


def require(what: str, condition: bool, reason: str) -> None:
    """Go on only if ``condition`` holds: else skip, saying ``reason``.

    Where the environment variable LISTENWATCH_REQUIRE (a comma list) names ``what``, the absence is
    a failure: a machine meant to run these tests must not pass by leaving them out.
    """
    if condition:
        return
    if what in os.environ.get("LISTENWATCH_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here: {reason}")
    pytest.skip(f"{what}: {reason}")
