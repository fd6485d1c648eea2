"""A promised tool that is missing fails a test; any other missing tool skips it."""

from __future__ import annotations

import pytest

from tests.require import require


def test_what_is_there_is_no_matter() -> None:
    require("compiler", True, "never said")


def test_what_is_missing_skips_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWATCH_REQUIRE", "root,guest")
    with pytest.raises(pytest.skip.Exception, match="compiler: no gcc"):
        require("compiler", False, "no gcc")


def test_what_was_promised_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWATCH_REQUIRE", "root,compiler")
    with pytest.raises(pytest.fail.Exception, match="compiler is required here: no gcc"):
        require("compiler", False, "no gcc")
