"""Filters: each keeps what it says, all must match, and nonsense is refused with what to do."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch import filters
from listenwatch.errors import UsageError
from listenwatch.record import Flag, ListenCall
from listenwatch.verdict import Kind
from tests.unit.calls import HOSTILE, SAMPLES, call, refused, unreturned
from tests.unit.make import UNIX


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    filters.add_options(parser)
    filters.add_report_options(parser)
    return parser.parse_args(arguments)


def matches(each: ListenCall, *arguments: str, followed: bool = False) -> bool:
    return filters.matcher(parse(*arguments), followed=followed)(each)


def test_without_filters_all_match() -> None:
    assert all(matches(each) for each in SAMPLES)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["-p", "4242"], True),
        (["--pid", "4243"], False),
        (["-n", "nginx"], True),
        (["--name", "gin"], True),
        (["-n", "NGINX"], False),
        (["-n", ""], True),
        (["-P", "8080"], True),
        (["--port", "80"], False),
        (["--netns", "1"], True),
        (["--netns", "net:[1]"], True),
        (["--netns", "2"], False),
        (["-p", "4242", "-n", "nginx", "-P", "8080", "--netns", "1"], True),
        (["-p", "4242", "-n", "apache"], False),
        (["-p", "1", "-P", "8080"], False),
    ],
)
def test_each_filter(arguments: list[str], kept: bool) -> None:
    assert matches(call(), *arguments) is kept


@given(st.sampled_from(SAMPLES), st.lists(st.sampled_from(["-p7", "-nsh", "-P8080", "--netns=1"])))
def test_a_call_must_match_all(each: ListenCall, arguments: list[str]) -> None:
    assert matches(each, *arguments) == all(matches(each, one) for one in arguments)


def test_a_name_of_any_bytes_can_be_given() -> None:
    assert matches(call(comm=HOSTILE), "-n", os.fsdecode(HOSTILE[7:9]))
    assert matches(call(comm="né".encode()), "-n", "é")


def test_the_port_before_counts_where_there_is_none_after() -> None:
    assert matches(unreturned(), "-P", "8080")
    assert not matches(refused(), "-P", "8080")
    assert not matches(call(UNIX, 5), "-P", "8080")


def test_followed_keeps_our_own_process_tree() -> None:
    each = call()
    assert not matches(each, followed=True)
    ours = each._replace(flags=each.flags | Flag.FOLLOWED)
    assert matches(ours, followed=True)
    assert not matches(ours, "-p", "1", followed=True)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "", "8080.5"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(f"--port={port}")
    assert f"not a port: '{port}' (1 to 65535)" in capsys.readouterr().err


# -- network namespaces


def test_a_namespace_by_path_and_by_number() -> None:
    inode = Path("/proc/self/ns/net").stat().st_ino
    assert filters.netns_inode("/proc/self/ns/net") == inode
    assert filters.netns_inode(str(inode)) == inode
    assert filters.netns_inode(str(Path("/proc/self/ns/net").readlink())) == inode


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
        filters.netns_inode(text)


# -- what is shown of it


@pytest.mark.parametrize(
    ("arguments", "each", "kind", "shown"),
    [
        ([], call(), Kind.AGREE, True),
        (["--failed"], call(), Kind.AGREE, False),
        (["--failed"], refused(), Kind.AGREE, True),
        (["--disagree"], call(), Kind.AGREE, False),
        (["--disagree"], call(), Kind.INCONCLUSIVE, False),
        (["--disagree"], call(), Kind.DISAGREE, True),
        (["--failed", "--disagree"], call(), Kind.DISAGREE, False),
        (["--failed", "--disagree"], refused(), Kind.DISAGREE, True),
    ],
)
def test_what_is_shown(arguments: list[str], each: ListenCall, kind: Kind, shown: bool) -> None:
    assert filters.is_shown(parse(*arguments), each, kind) is shown


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", "", "1e999"])
def test_a_duration_is_a_finite_number_above_0(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a number above 0"):
        filters.positive(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", ""])
def test_a_count_is_a_whole_number_above_0(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a whole number above 0"):
        filters.positive_int(text)


def test_numbers_above_0() -> None:
    assert filters.positive("0.5") == 0.5
    assert filters.positive_int("3") == 3
