"""The live line and the tree, word for word, and what no process may bring into them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.jsonlines import time_of_day
from listenwatch.model.inputs import Door
from listenwatch.record import ListenCall
from listenwatch.report.live import HEADER, line, tree
from listenwatch.verdict import judge
from tests.unit.calls import (
    BEHAVIOUR,
    HOSTILE,
    SAMPLES,
    call,
    calls,
    comms,
    disagreeing,
    refused,
    unreturned,
)
from tests.unit.make import MPTCP, TCP6, UDP, UNIX

CLAMPED = call(backlog=511, somaxconn=128)


def shown(each: ListenCall, width: int | None = None) -> str:
    """The line after the time."""
    text = line(each, judge(each, BEHAVIOUR), colour=False, width=width)
    assert text.startswith(f"{time_of_day(each)} ")
    return text[9:]


HEAD = "    PID COMMAND      PROTO LOCAL            ASKED SOMAX STORED STATE        RESULT VERDICT  WHY"
EXPECTED = (
    (
        call(),
        "   4242 nginx        tcp   127.0.0.1:8080     511  4096    511 CLOSE→LISTEN      0 AGREE    as asked",
    ),
    (
        CLAMPED,
        "   4242 nginx        tcp   127.0.0.1:8080     511   128    128 CLOSE→LISTEN      0 AGREE    clamped by somaxconn",
    ),
    (
        call(TCP6, address=bytes(16), comm=b"a-name-of-15-ch", pid=4194304),
        "4194304 a-name-of-15-ch tcp6 [::]:8080        511  4096    511 CLOSE→LISTEN      0 AGREE    as asked",
    ),
    (
        call(UNIX, 5, address=b"/run/a/rather/long/path"),
        "   4242 nginx        unix  /run/a/rather/long/path 5 4096    5 CLOSE→LISTEN      0 AGREE    as asked",
    ),
    (
        call(UDP, 1),
        "   4242 nginx        udp   127.0.0.1:8080       1  4096      0 CLOSE    EOPNOTSUPP AGREE    this kind of socket cannot listen",
    ),
    (
        refused(),
        "      7 sh           -     -                    5     -      - -             EBADF AGREE    the descriptor is not open",
    ),
    (
        unreturned(),
        "   4242 nginx        tcp   -                  511  4096      - CLOSE→?           ? INCONCLUSIVE the call's return was not seen",
    ),
    (
        disagreeing(),
        "   4242 nginx        tcp   127.0.0.1:8080     511  4096    512 CLOSE→LISTEN      0 DISAGREE max_ack_backlog at return: predicted 511, observed 512",
    ),
)


def test_head() -> None:
    assert f"TIME     {HEAD}" == HEADER
    assert len(HEADER) - len("  WHY") <= 100


@pytest.mark.parametrize(("each", "text"), EXPECTED)
def test_line_word_for_word(each: ListenCall, text: str) -> None:
    assert shown(each) == text


def test_columns_stand_under_their_heads() -> None:
    for each in (call(), CLAMPED, call(UDP, 1), disagreeing(), refused()):
        text = shown(each)
        for head in ("PID", "ASKED", "SOMAX", "STORED", "RESULT"):  # aligned right
            end = HEAD.index(head) + len(head)
            assert text[end - 1] != " " and text[end] == " ", (head, text)
        for head in ("COMMAND", "PROTO", "LOCAL", "STATE", "VERDICT", "WHY"):
            start = HEAD.index(head)
            assert text[start - 1] == " " and text[start] != " ", (head, text)


def test_width_cuts_the_reason_only() -> None:
    whole = shown(CLAMPED)
    for width in range(1, 150):
        text = shown(CLAMPED, width)
        if len(text) + 9 > width:
            assert text == whole  # too narrow to be worth it
        elif text != whole:
            assert len(text) + 9 == width
            assert text.endswith("…") and whole.startswith(text[:-1])
    assert shown(CLAMPED, 115).endswith("AGREE    clamped by so…")


def test_colour_of_each_verdict() -> None:
    for each, code in ((call(), 32), (disagreeing(), 31), (unreturned(), 33)):
        verdict = judge(each, BEHAVIOUR)
        plain = line(each, verdict, colour=False)
        coloured = line(each, verdict, colour=True)
        assert f" \x1b[{code}m{verdict.kind.value}\x1b[0m " in coloured
        assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


# -- the tree

TREE = """\
  ├─ listen(3, 511)                   CLOSE limit 0          somaxconn 128, netns 1
  ├─ security_socket_listen           CLOSE limit 0          backlog 128
  ├─ security_socket_listen returns   CLOSE limit 0          = 0
  ├─ inet_listen                      CLOSE limit 0          backlog 128
  ├─ __inet_listen_sk                 CLOSE limit 0          backlog 128
  ├─ inet_csk_listen_start            CLOSE limit 128
  ├─ state to LISTEN                  CLOSE limit 128        from CLOSE
  ├─ inet_hash                        LISTEN limit 128       by inet_hash
  ├─ inet_csk_listen_start returns    LISTEN limit 128       = 0
  ├─ inet_listen returns              LISTEN limit 128       = 0
  └─ returns 0                        LISTEN limit 128
     listens: asked 511, stored 128: clamped by net.core.somaxconn of this network namespace"""

REFUSED = """\
  ├─ listen(99, 5)                    no socket
  └─ returns EBADF
     bad-descriptor: EBADF: the descriptor is not open"""


@pytest.mark.parametrize(("each", "text"), [(CLAMPED, TREE), (refused(), REFUSED)])
def test_tree_word_for_word(each: ListenCall, text: str) -> None:
    assert tree(each, judge(each, BEHAVIOUR), colour=False) == text


def test_tree_shows_the_subflow_of_mptcp() -> None:
    each = call(MPTCP, 20)
    last = tree(each, judge(each, BEHAVIOUR), colour=False).splitlines()[-2]
    assert (
        last
        == "  └─ returns 0                        LISTEN limit 0         subflow: LISTEN limit 20"
    )


def test_tree_without_a_descriptor() -> None:
    each = call()._replace(fd=-1, door=Door.IO_URING)
    assert tree(each, judge(each, BEHAVIOUR), colour=False).startswith("  ├─ listen(511) ")


def test_tree_fits_100_columns_but_for_its_last_line() -> None:
    for each in SAMPLES:
        rows = tree(each, judge(each, BEHAVIOUR), colour=False).splitlines()
        assert max(map(len, rows[:-1])) <= 100


# -- what a process chose


@given(comms, st.binary(min_size=1, max_size=108))
def test_no_name_or_path_steers_the_terminal(comm: bytes, path: bytes) -> None:
    each = call(UNIX, comm=comm, address=path)
    verdict = judge(each, BEHAVIOUR)
    assert line(each, verdict, colour=False).isprintable()
    assert all(row.isprintable() for row in tree(each, verdict, colour=False).split("\n"))


def test_a_hostile_name_is_shown_as_escapes() -> None:
    text = shown(call(UNIX, 5, comm=HOSTILE, address=b"\0\x1b[2J\n"))
    assert text.split()[1:4] == [r"\x1b]0;x\x07\x9b\xff\x41\r\n", "unix", r"@\x1b[2J\n"]


@given(calls())
def test_whatever_the_wire_holds_is_one_printable_line(each: ListenCall) -> None:
    verdict = judge(call(), BEHAVIOUR)
    assert line(each, verdict, colour=False, width=80).isprintable()
    assert all(row.isprintable() for row in tree(each, verdict, colour=False).split("\n"))
