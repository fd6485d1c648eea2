"""Filters: each keeps what it says, all must match, and nonsense is refused with what to do."""

from __future__ import annotations

import argparse
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.call.record import Flag, ListenCall
from listenwatch.commands import filter_options, reporting
from listenwatch.commands.filtering import listener_filter
from listenwatch.linux.cgroup_owner import Container
from listenwatch.session.filters import CallFilter
from listenwatch.verdict.compare import judge
from tests.helpers.calls import BEHAVIOUR, HOSTILE, SAMPLES, call, disagreeing, refused, unreturned
from tests.helpers.make import UNIX

CLAMPED = call(backlog=511, somaxconn=128)


def parse(*arguments: str, followed: bool = False) -> CallFilter:
    parser = argparse.ArgumentParser()
    filter_options.add_options(parser)
    filter_options.add_report_options(parser)
    options = parser.parse_args(arguments)
    return reporting.call_filter(options, listener_filter(options), followed=followed)


def matches(each: ListenCall, *arguments: str, followed: bool = False) -> bool:
    return parse(*arguments, followed=followed).matches(each)


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
        (["-p", "1,4242"], True),
        (["-p", "1,2"], False),
        (["-p", "1", "-p", "4242"], True),
        (["-p", "1,2", "-p", "3"], False),
        (["-P", "80,8080"], True),
        (["-P", "80", "--port", "443,8080"], True),
        (["-P", "80,443"], False),
        (["-n", "apache", "-n", "nginx"], True),
        (["-n", "ngi*"], True),
        (["-n", "*in?"], True),
        (["-n", "[mn]ginx"], True),
        (["-n", "gin*"], False),
        (["-n", "NGI*"], False),
        (["-n", "apache*", "-n", "gin"], True),
        (["--unit", "nginx.service"], True),
        (["--unit", "nginx"], True),
        (["--unit", "ssh*"], False),
        (["--unit", "ssh*", "--unit", "nginx"], True),
        (["--container", "web"], True),
        (["--container", "db"], False),
        (["--container", "db", "--container", "w*"], True),
        (["--unit", "nginx", "--container", "db"], False),
    ],
)
def test_each_filter(arguments: list[str], kept: bool) -> None:
    each = call()._replace(unit="nginx.service", container=Container("podman", 64 * "a", "web"))
    assert matches(each, *arguments) is kept


def test_what_is_nobodys_is_in_no_unit_and_no_container() -> None:
    assert not matches(call(), "--unit", "*")
    assert not matches(call(), "--container", "*")


@given(st.sampled_from(SAMPLES), st.lists(st.sampled_from(["-p7", "-nsh", "-P8080", "--netns=1"])))
def test_a_call_must_match_all(each: ListenCall, arguments: list[str]) -> None:
    assert matches(each, *arguments) == all(matches(each, one) for one in arguments)


def test_a_name_of_any_bytes_can_be_given() -> None:
    assert matches(call(comm=HOSTILE), "-n", os.fsdecode(HOSTILE[7:9]))
    assert matches(call(comm="né".encode()), "-n", "é")
    assert matches(call(comm="né".encode()), "-n", "n?")
    assert matches(call(comm=HOSTILE), "-n", f"*{os.fsdecode(HOSTILE[7:9])}*")


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
@pytest.mark.parametrize("given", ["{}", "80,{}", "{},80"])
def test_what_is_no_port_is_refused(port: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(f"--port={given.format(port)}")
    assert f"not a port: '{port}' (1 to 65535)" in capsys.readouterr().err


# -- what is shown of it


@pytest.mark.parametrize(
    ("arguments", "each", "shown"),
    [
        ([], call(), True),
        (["--failed"], call(), False),
        (["--failed"], refused(), True),
        (["--disagree"], call(), False),
        (["--disagree"], unreturned(), False),
        (["--disagree"], disagreeing(), True),
        (["--failed", "--disagree"], disagreeing(), False),
        (["--failed", "--disagree"], refused(), False),
        (["--clamped"], call(), False),
        (["--clamped"], CLAMPED, True),
        (["--clamped"], refused(), False),
        (["--clamped", "--disagree"], CLAMPED, False),
        (["--clamped", "--disagree"], disagreeing(), False),
    ],
)
def test_what_is_shown(arguments: list[str], each: ListenCall, shown: bool) -> None:
    assert parse(*arguments).is_shown(each, judge(each, BEHAVIOUR)) is shown


@pytest.mark.parametrize(
    ("arguments", "every"),
    [
        ([], True), (["--failed", "--disagree", "--clamped"], True), (["-p", "1"], False), (["-n", "x"], False),
        (["-P", "1"], False), (["--netns", "1"], False),
    ],
)  # fmt: skip
def test_whether_anything_is_left_out(arguments: list[str], every: bool) -> None:
    assert parse(*arguments).has_every_call is every
    assert parse(*arguments, followed=True).has_every_call is every
