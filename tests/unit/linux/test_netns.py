"""A network namespace by its number, its name or its path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from listenwatch.errors import UsageError
from listenwatch.linux.netns import inode_of


def test_a_namespace_by_path_and_by_number() -> None:
    inode = Path("/proc/self/ns/net").stat().st_ino
    assert inode_of("/proc/self/ns/net") == inode
    assert inode_of(str(inode)) == inode
    assert inode_of(str(Path("/proc/self/ns/net").readlink())) == inode


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no-such-name", "No such file or directory"),
        ("/no/such/path", "No such file or directory"),
        ("/etc/passwd", "not a namespace"),
        ("/", "not a namespace"),
        ("/proc/self/ns/..", "not a namespace"),
        ("-1", "No such file or directory"),
    ],
)
def test_what_is_no_namespace_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"no network namespace '{re.escape(text)}' .*{why}"):
        inode_of(text)
