"""What a watch says of what it did not see."""

from __future__ import annotations

import pytest

from listenwatch.report.notices import no_call_text


@pytest.mark.parametrize(
    ("followed", "filtered", "text"),
    [
        (False, False, "no listen() call was seen"),
        (False, True, "no listen() call was seen that passes the filters"),
        (True, False, "no listen() call of the command was seen; what it has others start (docker, systemctl) is not followed"),
    ],
)
def test_that_nothing_was_seen(followed: bool, filtered: bool, text: str) -> None:
    assert no_call_text(followed=followed, filtered=filtered) == text
