"""The live line and the tree, word for word, and what no process may bring into them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.call.record import ListenCall
from listenwatch.call.text import local_address
from listenwatch.linux.clock import time_of_day
from listenwatch.linux.terminal import escape
from listenwatch.linux.text_width import width_of_text
from listenwatch.model.inputs import EntryPath, Family
from listenwatch.model.kernels import mainline
from listenwatch.report.live import HEADER, layout_for, line, tree
from listenwatch.verdict.compare import judge
from tests.helpers.calls import (
    BEHAVIOUR,
    HOSTILE,
    call,
    calls,
    comms,
    disagreeing,
    refused,
    unreturned,
)
from tests.helpers.make import MPTCP, TCP, TCP6, UDP, UNIX, environment, observe, outcome, request

CLAMPED = call(backlog=511, somaxconn=128)
LONGEST = call(TCP6, 65535, address=b"\xff" * 16, comm=b"a-name-of-15-ch", pid=4194304)
ADDRESS = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:8080"
IPV6_80 = (
    f"4194304 a-name-of-15-ch {ADDRESS}\n"
    "                                                65535→4096 clamped 4096 agree"
)
PATH = b"/run/user/1000/a/rather/long/path/to/the.sock"


def shown(each: ListenCall, width: int | None = None) -> str:
    """The line after the time."""
    text = line(each, judge(each, BEHAVIOUR), colour=False, layout=layout_for(width))
    assert text.startswith(f"{time_of_day(each.time_ns)} ")
    return text[9:]


EXPECTED = (
    (
        call(),
        "   4242 nginx        127.0.0.1:8080    511              4096 agree",
        "   4242 nginx        tcp   127.0.0.1:8080    511              4096 CLOSE→LISTEN as asked                      agree",
    ),
    (
        CLAMPED,
        "   4242 nginx        127.0.0.1:8080    511→128 clamped   128 agree",
        "   4242 nginx        tcp   127.0.0.1:8080    511→128 clamped   128 CLOSE→LISTEN clamped by net.core.somaxconn agree",
    ),
    (
        call(backlog=-1, somaxconn=128),
        "   4242 nginx        127.0.0.1:8080    -1→128 clamped    128 agree\n"
        "    a negative number counts as huge: clamped by net.core.somaxconn",
        "   4242 nginx        tcp   127.0.0.1:8080    -1→128 clamped    128 CLOSE→LISTEN "
        "a negative number counts as huge: clamped by net.core.somaxconn agree",
    ),
    (
        LONGEST,
        IPV6_80,
        f"4194304 a-name-of-15-ch tcp6 {ADDRESS} 65535→4096 clamped 4096 CLOSE→LISTEN clamped by net.core.somaxconn agree",
    ),
    (
        call(UNIX, 5, address=PATH),
        "   4242 nginx        /run/user…o/the.sock 5             4096 agree",
        f"   4242 nginx        unix  {PATH.decode()} 5 4096 CLOSE→LISTEN as asked         agree",
    ),
    (
        call(UDP, 1),
        "   4242 nginx        127.0.0.1:8080    1→EOPNOTSUPP     4096 agree\n    this kind of socket cannot listen",
        "   4242 nginx        udp   127.0.0.1:8080    1→EOPNOTSUPP     4096 CLOSE        this kind of socket cannot listen agree",
    ),
    (
        refused(),
        "      7 sh           -                 5→EBADF             - agree\n"
        "    the descriptor is not open, or opened with O_PATH",
        "      7 sh           -     -                 5→EBADF             - -            "
        "the descriptor is not open, or opened with O_PATH agree",
    ),
    (
        unreturned(),
        "   4242 nginx        -                 511→?            4096\n    INCONCLUSIVE: the call's return was not seen",
        "   4242 nginx        tcp   -                 511→?            4096 CLOSE→?      "
        "the call's return was not seen INCONCLUSIVE",
    ),
    (
        disagreeing(),
        "   4242 nginx        127.0.0.1:8080    511→512          4096 DISAGREE\n"
        "    max_ack_backlog at return: predicted 511, observed 512",
        "   4242 nginx        tcp   127.0.0.1:8080    511→512          4096 CLOSE→LISTEN "
        "max_ack_backlog at return: predicted 511, observed 512 DISAGREE",
    ),
)
SEVERAL = call(backlog=511, somaxconn=128)._replace(repeats=1234)
HEADS = {
    80: "TIME         PID COMMAND      LOCAL             BACKLOG         SOMAX VERDICT",
    100: "TIME         PID COMMAND      PROTO LOCAL             BACKLOG         SOMAX STATE        VERDICT",
    120: "TIME         PID COMMAND      PROTO LOCAL             BACKLOG         SOMAX WHY                           VERDICT",
    200: HEADER,
    None: HEADER,
}


@pytest.mark.parametrize(("width", "head"), HEADS.items())
def test_which_columns_there_is_room_for(width: int | None, head: str) -> None:
    assert layout_for(width).heads == head
    assert len(head) <= (width or 200)


def test_head_where_there_is_room() -> None:
    assert HEADER == (
        "TIME         PID COMMAND      PROTO LOCAL             BACKLOG         SOMAX STATE        WHY                           VERDICT"
    )


@pytest.mark.parametrize(("each", "at_80", "in_a_pipe"), EXPECTED)
def test_line_word_for_word(each: ListenCall, at_80: str, in_a_pipe: str) -> None:
    assert shown(each, 80) == at_80
    assert shown(each) == in_a_pipe
    assert shown(each, 200) == in_a_pipe


def test_a_line_of_several_calls_says_so() -> None:
    assert shown(SEVERAL, 80) == (
        "   4242 nginx        127.0.0.1:8080    511→128 clamped   128 agree\n"
        "    x 1,234 the same"
    )
    assert shown(SEVERAL).endswith(" x 1,234 the same; clamped by net.core.somaxconn agree")
    assert shown(call()._replace(repeats=2)).endswith(" x 2 the same; as asked        agree")


@pytest.mark.parametrize("width", [80, 100, 120, 200, None])
def test_columns_stand_under_their_heads(width: int | None) -> None:
    head = layout_for(width).heads[9:]
    for each in (call(), CLAMPED, call(UDP, 1), disagreeing(), refused()):
        text = shown(each, width)
        for name in ("PID", "SOMAX"):  # aligned right
            end = head.index(name) + len(name)
            assert text[end - 1] != " " and text[end] == " ", (name, text)
        for name in {"COMMAND", "PROTO", "LOCAL", "BACKLOG", "STATE"} & set(head.split()):
            start = head.index(name)
            assert text[start - 1] == " " and text[start] != " ", (name, text)


def test_a_field_of_16_bits_is_not_as_asked() -> None:
    """Up to 4.9 sk_max_ack_backlog had 16 bits: 70000 became 4464."""
    old = mainline((3, 16))
    expected = outcome(TCP, 70000, somaxconn=100_000, behaviour=old)
    each = observe(request(70000), TCP, environment(100_000), expected)
    each = each._replace(comm=b"x", address=b"\x7f\0\0\1")
    assert line(each, judge(each, old), colour=False).split(maxsplit=5)[5] == (
        "70000→4464     100000 CLOSE→LISTEN the field holds 16 bits only  agree"
    )


def test_colour_says_how_it_went_and_agree_is_quiet() -> None:
    for each, number, word in (
        (call(), "511", "\x1b[2magree\x1b[0m"),
        (CLAMPED, "\x1b[33m511→128 clamped\x1b[0m", "\x1b[2magree\x1b[0m"),
        (call(UDP, 1), "\x1b[31m1→EOPNOTSUPP\x1b[0m", "\x1b[2magree\x1b[0m"),
        (disagreeing(), "\x1b[33m511→512\x1b[0m", "\x1b[1;31mDISAGREE\x1b[0m"),
        (unreturned(), "\x1b[33m511→?\x1b[0m", "\x1b[33mINCONCLUSIVE\x1b[0m"),
    ):
        verdict = judge(each, BEHAVIOUR)
        for width in (80, 100, 120, 200, None):
            layout = layout_for(width)
            plain = line(each, verdict, colour=False, layout=layout)
            coloured = line(each, verdict, colour=True, layout=layout)
            assert f" {number} " in coloured or coloured.split("\n")[0].endswith(number)
            assert word in coloured or word.replace("INC", "    INC").replace("\x1b[0m", ": ") in coloured
            assert re.sub(r"\x1b\[[\d;]+m", "", coloured) == plain


# -- the tree

TREE = """\
  ├─ listen(3, 511)                   CLOSE limit 0          somaxconn 128, netns 1
  ├─ security_socket_listen           CLOSE limit 0          backlog 128
  ├─ security_socket_listen returns   CLOSE limit 0          = 0
  ├─ inet_listen                      CLOSE limit 0          backlog 128
  ├─ inet_csk_listen_start            CLOSE limit 128
  ├─ state to LISTEN                  CLOSE limit 128        from CLOSE
  ├─ inet_hash                        LISTEN limit 128       by inet_hash
  ├─ inet_csk_listen_start returns    LISTEN limit 128       = 0
  ├─ inet_listen returns              LISTEN limit 128       = 0
  └─ returns 0                        LISTEN limit 128
     listens: asked 511, stored 128: clamped by net.core.somaxconn"""

REFUSED = """\
  ├─ listen(99, 5)                    no socket
  └─ returns EBADF
     bad-descriptor: EBADF: the descriptor is not open, or opened with O_PATH"""


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
    each = call()._replace(fd=-1, entry_path=EntryPath.IO_URING)
    assert tree(each, judge(each, BEHAVIOUR), colour=False).startswith("  ├─ listen(511) ")


TREE_80 = """\
  ├─ listen(3, 511)                 CLOSE limit 0
  │                                 somaxconn 128, netns 4026532177
  ├─ security_socket_listen         CLOSE limit 0    backlog 128
  ├─ security_socket_listen returns CLOSE limit 0    = 0
  ├─ inet_listen                    CLOSE limit 0    backlog 128
  ├─ inet_csk_listen_start          CLOSE limit 128
  ├─ state to LISTEN                CLOSE limit 128  from CLOSE
  ├─ inet_hash                      LISTEN limit 128 by inet_hash
  ├─ inet_csk_listen_start returns  LISTEN limit 128 = 0
  ├─ inet_listen returns            LISTEN limit 128 = 0
  └─ returns 0                      LISTEN limit 128
     listens: asked 511, stored 128: clamped by net.core.somaxconn"""


def test_the_line_above_a_tree_leaves_the_reason_to_it() -> None:
    each, bad = call(UDP, 1), disagreeing()
    for width in (80, None):
        layout = layout_for(width)
        above = line(each, judge(each, BEHAVIOUR), colour=False, layout=layout, tree=True)
        assert above == line(each, judge(each, BEHAVIOUR), colour=False, layout=layout).split("\n")[0]
        assert "predicted 511, observed 512" in line(bad, judge(bad, BEHAVIOUR), colour=False, layout=layout, tree=True)


def test_tree_at_80_columns() -> None:
    each = CLAMPED._replace(netns_inode=4026532177)
    assert tree(each, judge(each, BEHAVIOUR), colour=False, width=80) == TREE_80


@given(calls())
def test_no_line_is_wider_than_the_terminal_and_identifiers_are_whole(each: ListenCall) -> None:
    verdict = judge(each, BEHAVIOUR)
    for width in (80, 100, 200, None):
        text = line(each, verdict, colour=False, layout=layout_for(width))
        rows = (*text.split("\n"), *tree(each, verdict, colour=True, width=width).split("\n"))
        assert width is None or max(map(width_of_text, rows)) <= width
        words = [str(each.pid), escape(each.comm)]
        if each.post.family != Family.UNIX or width is None:
            words.append(escape(local_address(each)))
        assert all(word in text for word in words)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_ideographs_take_two_columns(width: int) -> None:
    name = "漢字" * 30
    each = call(UNIX, comm="漢字漢字漢".encode(), address=name.encode()[:108])
    text = line(each, judge(each, BEHAVIOUR), colour=False, layout=layout_for(width))
    assert "漢字漢字漢 " in text and ("…" in text or width == 200)
    assert max(map(width_of_text, text.split("\n"))) <= width


# -- what a process chose


@given(comms, st.binary(min_size=1, max_size=108))
def test_no_name_or_path_steers_the_terminal(comm: bytes, path: bytes) -> None:
    each = call(UNIX, comm=comm, address=path)
    verdict = judge(each, BEHAVIOUR)
    assert all(row.isprintable() for row in line(each, verdict, colour=False, layout=layout_for(80)).split("\n"))
    assert all(row.isprintable() for row in tree(each, verdict, colour=False).split("\n"))


def test_a_hostile_name_is_shown_as_escapes() -> None:
    text = shown(call(UNIX, 5, comm=HOSTILE, address=b"\0\x1b[2J\n"))
    assert text.split()[1:4] == [r"\x1b]0;x\x07\x9b\xff\x41\r\n", "unix", r"@\x1b[2J\n"]


@given(calls())
def test_whatever_the_wire_holds_is_one_printable_line(each: ListenCall) -> None:
    verdict = judge(call(), BEHAVIOUR)
    assert line(each, verdict, colour=False).isprintable()
    assert all(row.isprintable() for row in tree(each, verdict, colour=False).split("\n"))
