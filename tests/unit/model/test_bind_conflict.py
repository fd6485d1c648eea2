"""Whose port is it: inet_csk_bind_conflict(), the marks of a bucket, and any port of a range."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from itertools import product

import pytest

from listenwatch.model.bind_conflict import (
    FASTREUSEPORT_ANY,
    FASTREUSEPORT_STRICT,
    Holder,
    Port,
    bind_conflict,
    depends_on_kernel,
    finds_open_port,
    get_port,
    rcv_saddr_equal,
    reuseport_match,
)
from tests.helpers.holders import holder


@pytest.mark.parametrize(
    ("a", "b", "overlap"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("::", "127.0.0.1", True),
        ("::", "0.0.0.0", True),
        ("::", "::1", True),
        ("::1", "::1", True),
        ("::1", "::2", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::ffff:127.0.0.1", "127.0.0.2", False),
        ("::ffff:0.0.0.0", "127.0.0.1", True),
        ("::ffff:0.0.0.0", "::", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.2", False),
    ],
)
def test_addresses_that_overlap(a: str, b: str, overlap: bool) -> None:
    assert rcv_saddr_equal(holder(a), holder(b)) is overlap
    assert rcv_saddr_equal(holder(b), holder(a)) is overlap


def test_ipv6_only_leaves_ipv4_alone() -> None:
    only = holder("::", "v6only")
    for other in ("0.0.0.0", "127.0.0.1", "::ffff:127.0.0.1"):
        assert not rcv_saddr_equal(only, holder(other))
        assert not rcv_saddr_equal(holder(other), only)
    for other in ("::", "::1"):
        assert rcv_saddr_equal(only, holder(other)) and rcv_saddr_equal(holder(other), only)
    assert not rcv_saddr_equal(only, holder("::ffff:10.0.0.1"))
    assert not rcv_saddr_equal(holder("10.0.0.1"), only)
    assert not rcv_saddr_equal(holder("::1", "v6only"), holder("0.0.0.0"))


def test_devices_part_or_do_not() -> None:
    there = [holder("127.0.0.1", device=2)]
    for device, conflict in ((0, True), (2, True), (3, False)):
        mine = holder("127.0.0.1", device=device)
        assert bind_conflict(mine, there, relax=True, reuseport_ok=True) is conflict


def test_where_kernels_differ_nothing_is_said() -> None:
    wildcard, mapped = holder("::ffff:0.0.0.0"), holder("::ffff:127.0.0.1")
    assert depends_on_kernel(mapped, [wildcard])
    assert not depends_on_kernel(wildcard, [mapped])
    assert depends_on_kernel(mapped, [holder("::1"), wildcard])
    for other in ("127.0.0.1", "::1", "::2", "::"):
        assert not depends_on_kernel(holder(other), [wildcard])
    assert not depends_on_kernel(mapped, [holder("::"), holder("0.0.0.0")])
    assert not depends_on_kernel(mapped, [])


def test_the_first_to_listen_has_the_port() -> None:
    port = Port()
    a, b = (holder("127.0.0.1", "reuse") for _ in range(2))
    assert get_port(port, a, to_listen=False) and get_port(port, b, to_listen=False)
    assert get_port(port, a, to_listen=True)
    a.listening = True
    assert not get_port(port, b, to_listen=True)
    port.holders.remove(a)
    assert get_port(port, b, to_listen=True)


def test_a_shared_port_lets_one_pass_that_the_closer_look_would_not() -> None:
    """SO_REUSEPORT taken back by one: the other passes by tb->fastreuseport (KERNEL.md 7.2)."""
    port = Port()
    a, b = (holder("127.0.0.1", "reuseport") for _ in range(2))
    assert get_port(port, a, to_listen=False) and get_port(port, b, to_listen=False)
    b.reuseport = False
    assert get_port(port, a, to_listen=True)
    assert not get_port(port, b, to_listen=True)


def test_a_strict_mark_compares_addresses() -> None:
    port = Port()
    plain, shared = holder("127.0.0.1"), holder("127.0.0.2", "reuseport")
    assert get_port(port, plain, to_listen=False) and get_port(port, shared, to_listen=False)
    assert reuseport_match(port, holder("127.0.0.2", "reuseport"))
    assert not reuseport_match(port, holder("127.0.0.3", "reuseport"))
    assert not reuseport_match(port, holder("127.0.0.2"))
    grouped = holder("127.0.0.2", "reuseport")
    grouped.grouped = True
    assert not reuseport_match(port, grouped)


def _range(ports: str, address: str = "0.0.0.0") -> list[Port | None]:
    taken = Port()
    taken.holders = [holder(address)]
    return [None if mark == "f" else taken for mark in ports]


def _walk(size: int, offset: int) -> set[int]:
    """The ports inet_csk_find_open_port() looks at, written as the kernel has it, from one start."""
    remaining, seen = size & ~1 if size > 1 else size, set()
    offset |= 1
    for start in (offset, offset - 1):
        port = start
        for _ in range(0, remaining, 2):
            if port >= size:
                port -= remaining
            seen.add(port)
            port += 2
    return seen


@pytest.mark.parametrize("size", [2, 4, 5, 7])
def test_the_walk_is_the_kernels(size: int) -> None:
    for marks in product("ft", repeat=size):
        free = {number for number, mark in enumerate(marks) if mark == "f"}
        answers = {bool(free & _walk(size, offset)) for offset in range(size & ~1)}
        found = finds_open_port(_range("".join(marks)), holder("0.0.0.0"))
        assert found is None or answers == {found}, marks


INET, INET6 = socket.AF_INET, socket.AF_INET6


def test_a_new_holder() -> None:
    for family, address in ((INET, bytes(4)), (INET6, bytes(16))):
        new = Holder(family)
        assert (new.family, new.address, new.device) == (family, address, 0)
        options = (new.v6only, new.reuse, new.reuseport, new.listening, new.grouped)
        assert options == (False,) * 5


def test_a_new_port() -> None:
    port = Port()
    assert (port.holders, port.fast) == ([], None)
    assert port.fastreuse is False
    assert port.fastreuseport == 0


@pytest.mark.parametrize(
    ("address", "v4", "mapped", "any6"),
    [
        ("10.1.2.3", "10.1.2.3", True, False),
        ("0.0.0.0", "0.0.0.0", True, False),
        ("::", "0.0.0.0", False, True),
        ("::ffff:10.1.2.3", "10.1.2.3", True, False),
        ("::ffff:0.0.0.0", "0.0.0.0", True, False),
    ],
)
def test_what_a_socket_is_for_ipv4(address: str, v4: str, mapped: bool, any6: bool) -> None:
    found = holder(address)
    assert found.v4_address == socket.inet_pton(INET, v4)
    assert (found.mapped, found.any6) == (mapped, any6)


def test_an_ipv6_address_overlaps_with_no_usual_ipv4_address() -> None:
    for address in ("::1", "2001:db8::1", "fe80::1"):
        v6 = holder(address)
        assert not v6.mapped and not v6.any6 and v6.v4_address != bytes(4)
        for other in ("127.0.0.1", "10.0.0.1", "1.0.0.0"):
            assert not rcv_saddr_equal(v6, holder(other))
            assert not rcv_saddr_equal(holder(other), v6)


def test_a_snapshot_keeps_address_and_v6only() -> None:
    original = holder("::1", "v6only", "reuse")
    copy = original.snapshot()
    assert (copy.family, copy.address, copy.v6only) == (INET6, original.address, True)
    original.address, original.v6only = bytes(16), False
    assert copy.address == socket.inet_pton(INET6, "::1") and copy.v6only


@pytest.mark.parametrize(
    ("a", "b", "both", "only_first", "only_second", "neither"),
    [
        ("0.0.0.0", "127.0.0.1", True, True, False, False),
        ("127.0.0.1", "0.0.0.0", True, False, True, False),
        ("0.0.0.0", "0.0.0.0", True, True, True, True),
        ("::", "::1", True, True, False, False),
        ("::1", "::", True, False, True, False),
        ("::", "::", True, True, True, True),
        ("::", "127.0.0.1", True, True, False, False),
        ("127.0.0.1", "::", True, False, True, False),
        ("::ffff:0.0.0.0", "::ffff:10.0.0.1", True, True, False, False),
        ("::1", "::1", True, True, True, True),
        ("::1", "::2", False, False, False, False),
        ("::1", "127.0.0.1", False, False, False, False),
    ],
)
def test_a_wildcard_counts_where_it_is_said_to(
    a: str, b: str, both: bool, only_first: bool, only_second: bool, neither: bool
) -> None:
    sk, sk2 = holder(a), holder(b)
    assert rcv_saddr_equal(sk, sk2) is both
    assert rcv_saddr_equal(sk, sk2, wild=True, wild2=True) is both
    assert rcv_saddr_equal(sk, sk2, wild2=False) is only_first
    assert rcv_saddr_equal(sk, sk2, wild=False) is only_second
    assert rcv_saddr_equal(sk, sk2, wild=False, wild2=False) is neither


@dataclass
class Case:
    """Options of the two sockets, and whether they conflict under (relax, reuseport_ok)."""

    mine: str
    other: str
    relaxed_ok: bool
    relaxed: bool
    strict_ok: bool
    strict: bool


CASES = [
    Case("", "", True, True, True, True),
    Case("reuse", "reuse", False, False, True, True),
    Case("reuse", "", True, True, True, True),
    Case("", "reuse", True, True, True, True),
    Case("reuse", "reuse listening", True, True, True, True),
    Case("reuseport", "reuseport", False, True, False, True),
    Case("reuseport", "", True, True, True, True),
    Case("", "reuseport", True, True, True, True),
    Case("reuse reuseport", "reuse reuseport", False, True, True, True),
    Case("reuse reuseport", "reuse", False, False, True, True),
    Case("reuse", "reuse reuseport", False, False, True, True),
    Case("reuse reuseport", "reuse reuseport listening", False, True, False, True),
    Case("reuseport", "reuseport listening", False, True, False, True),
    Case("reuseport", "reuse", True, True, True, True),
    Case("reuse reuseport", "reuse listening", True, True, True, True),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{c.mine} beside {c.other}" for c in CASES])
def test_who_may_share_and_how_closely_one_looks(case: Case) -> None:
    mine = holder("127.0.0.1", *case.mine.split())
    there = [holder("127.0.0.1", *case.other.split())]

    def conflict(relax: bool, reuseport_ok: bool) -> bool:
        return bind_conflict(mine, there, relax=relax, reuseport_ok=reuseport_ok)

    assert conflict(True, True) is case.relaxed_ok
    assert conflict(True, False) is case.relaxed
    assert conflict(False, True) is case.strict_ok
    assert conflict(False, False) is case.strict


def test_one_that_does_not_conflict_hides_none_that_does() -> None:
    mine = holder("127.0.0.1", device=1)
    away, here = holder("127.0.0.1", device=2), holder("127.0.0.1", device=1)
    for holders in ([mine, here], [away, here], [holder("127.0.0.2"), here], [here, away]):
        assert bind_conflict(mine, holders, relax=True, reuseport_ok=True)
    assert not bind_conflict(mine, [mine, away], relax=True, reuseport_ok=True)
    assert not bind_conflict(mine, [], relax=True, reuseport_ok=True)
    assert bind_conflict(holder("127.0.0.1"), [away], relax=True, reuseport_ok=True)


def marks(port: Port) -> tuple[bool, int]:
    """What lets the next one pass unexamined."""
    return port.fastreuse, port.fastreuseport


@pytest.mark.parametrize(
    ("options", "to_listen", "expected"),
    [
        ("", False, (False, 0)),
        ("reuse", False, (True, 0)),
        ("reuse", True, (False, 0)),
        ("reuseport", False, (False, FASTREUSEPORT_ANY)),
        ("reuse reuseport", False, (True, FASTREUSEPORT_ANY)),
    ],
)
def test_the_first_holder_sets_the_marks(
    options: str, to_listen: bool, expected: tuple[bool, int]
) -> None:
    port, first = Port(), holder("127.0.0.1", *options.split())
    assert get_port(port, first, to_listen=to_listen) is True
    assert marks(port) == expected
    assert port.holders == [first]
    assert port.fast is not None and port.fast is not first
    assert port.fast.address == first.address


def test_marks_of_an_emptied_port_are_set_anew() -> None:
    port = Port()
    port.fastreuse, port.fastreuseport, port.fast = True, FASTREUSEPORT_STRICT, holder("127.0.0.9")
    assert get_port(port, holder("127.0.0.1"), to_listen=False)
    assert marks(port) == (False, 0)
    assert port.fast.address == socket.inet_pton(INET, "127.0.0.1")


def test_later_holders_only_take_marks_away() -> None:
    port = Port()
    assert get_port(port, holder("127.0.0.1", "reuse", "reuseport"), to_listen=False)
    assert get_port(port, holder("127.0.0.2", "reuse", "reuseport"), to_listen=False)
    assert marks(port) == (True, FASTREUSEPORT_ANY)
    assert get_port(port, holder("127.0.0.3", "reuseport"), to_listen=False)
    assert marks(port) == (False, FASTREUSEPORT_ANY)
    assert get_port(port, holder("127.0.0.4", "reuse"), to_listen=False)
    assert marks(port) == (False, 0)
    last = holder("127.0.0.5", "reuseport")
    assert get_port(port, last, to_listen=False)
    assert marks(port) == (False, FASTREUSEPORT_STRICT)
    assert port.fast is not None and port.fast.address == last.address
    assert len(port.holders) == 5


def test_one_that_conflicts_changes_nothing() -> None:
    port, first = Port(), holder("127.0.0.1", "reuse")
    assert get_port(port, first, to_listen=False)
    assert get_port(port, holder("127.0.0.1"), to_listen=False) is False
    assert port.holders == [first] and marks(port) == (True, 0)


def test_listening_again_does_not_hold_twice() -> None:
    port, only = Port(), holder("127.0.0.1", "reuse")
    for to_listen in (False, True, True):
        assert get_port(port, only, to_listen=to_listen)
    assert port.holders == [only]


def test_the_mark_of_reuse_lets_pass_and_only_to_bind() -> None:
    """A listener the bucket's mark does not tell of: bind() passes it, listen() looks."""
    port, listener, other = Port(), holder("127.0.0.1", "reuse"), holder("127.0.0.1", "reuse")
    assert get_port(port, listener, to_listen=False)
    listener.listening = True
    assert get_port(port, other, to_listen=False)
    assert not get_port(port, other, to_listen=True)
    port.fastreuse = False
    assert not get_port(port, holder("127.0.0.1", "reuse"), to_listen=False)
    port.fastreuse = True
    assert not get_port(port, holder("127.0.0.1"), to_listen=False)


def test_one_user_shares_a_named_port_by_reuseport() -> None:
    port = Port()
    for _ in range(3):
        assert get_port(port, holder("127.0.0.1", "reuseport"), to_listen=True)
    port.fastreuseport = 0
    assert get_port(port, holder("127.0.0.1", "reuseport"), to_listen=True)
    assert not get_port(port, holder("127.0.0.1", "reuse"), to_listen=True)


def test_one_with_reuse_and_reuseport_beside_the_same() -> None:
    port = Port()
    port.holders.append(holder("127.0.0.1", "reuse", "reuseport"))
    assert get_port(port, holder("127.0.0.1", "reuse", "reuseport"), to_listen=False)


def test_which_sockets_match_a_shared_port() -> None:
    port, sharing = Port(), holder("127.0.0.1", "reuseport")
    assert not reuseport_match(port, sharing)
    port.fastreuseport = FASTREUSEPORT_ANY
    assert not reuseport_match(port, sharing)
    port.fast = holder("127.0.0.2")
    assert reuseport_match(port, sharing)
    port.fastreuseport = FASTREUSEPORT_STRICT
    assert not reuseport_match(port, sharing)
    port.fast = holder("0.0.0.0")
    assert reuseport_match(port, sharing)
    port.fast = holder("127.0.0.2")
    assert not reuseport_match(port, holder("0.0.0.0", "reuseport"))
    port.fast = holder("127.0.0.1")
    assert reuseport_match(port, sharing)
    port.fastreuseport = 0
    assert not reuseport_match(port, sharing)


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ("", False),
        ("f", True),
        ("t", False),
        ("ft", True),
        ("tf", True),
        ("tt", False),
        ("ftt", None),
        ("ttf", None),
        ("tft", True),
        ("ttt", False),
        ("tftt", True),
        ("fttt", True),
        ("ftttt", None),
        ("tfttt", True),
        ("tttft", True),
        ("ffff", True),
        ("tttt", False),
        ("ttttf", None),
        ("ttftt", True),
        ("ttttt", False),
    ],
)
def test_where_a_free_port_is_found(ports: str, found: bool | None) -> None:
    """Each port of the range free (f) or taken (t); None where it depends on the start."""
    for address in ("127.0.0.1", "0.0.0.0"):
        assert finds_open_port(_range(ports, address), holder(address)) is found


def test_a_port_that_could_be_shared_is_not_taken_by_chance() -> None:
    for options in ("reuse", "reuseport", "reuse reuseport"):
        port = Port()
        port.holders.append(holder("127.0.0.1", *options.split()))
        mine = holder("127.0.0.1", *options.split())
        assert finds_open_port([port, port], mine) is False
        assert finds_open_port([port, Port()], mine) is True
        assert finds_open_port([port, port], holder("127.0.0.2", *options.split())) is True
