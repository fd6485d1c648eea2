"""Whose port is it: the rules of inet_csk_bind_conflict(), and the books a history keeps."""

from __future__ import annotations

import socket
from itertools import product

import pytest

from listenwatch.model.bind_conflict import (
    Holder,
    Port,
    bind_conflict,
    depends_on_kernel,
    finds_open_port,
    get_port,
    rcv_saddr_equal,
    reuseport_match,
)

_OPTIONS = ("reuse", "reuseport", "v6only", "listening")


def holder(address: str, *options: str, device: int = 0) -> Holder:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = Holder(family)
    made.address = socket.inet_pton(family, address)
    made.device = device
    for option in options:
        assert option in _OPTIONS
        setattr(made, option, True)
    return made


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
    assert rcv_saddr_equal(only, holder("::"))
    assert not rcv_saddr_equal(holder("::1", "v6only"), holder("0.0.0.0"))


def conflicts(*options: str, other: tuple[str, ...] = ()) -> bool:
    holders = [holder("127.0.0.1", *other)]
    return bind_conflict(holder("127.0.0.1", *options), holders, relax=True, reuseport_ok=True)


def test_who_may_share() -> None:
    assert conflicts()
    assert conflicts("reuse")
    assert not conflicts("reuse", other=("reuse",))
    assert conflicts("reuse", other=("reuse", "listening"))
    assert not conflicts("reuseport", other=("reuseport", "listening"))
    assert conflicts("reuseport", other=("reuse",))
    assert conflicts("reuse", "reuseport", other=("reuse", "listening"))


def test_devices_part_or_do_not() -> None:
    there = [holder("127.0.0.1", device=2)]
    for device, conflict in ((0, True), (2, True), (3, False)):
        mine = holder("127.0.0.1", device=device)
        assert bind_conflict(mine, there, relax=True, reuseport_ok=True) is conflict


def test_where_kernels_differ_nothing_is_said() -> None:
    wildcard, mapped = holder("::ffff:0.0.0.0"), holder("::ffff:127.0.0.1")
    assert depends_on_kernel(mapped, [wildcard])
    assert not depends_on_kernel(wildcard, [mapped])
    for other in ("127.0.0.1", "::1", "::"):
        assert not depends_on_kernel(holder(other), [wildcard])
    assert not depends_on_kernel(mapped, [holder("::"), holder("0.0.0.0")])


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


def _range(free: str) -> list[Port | None]:
    taken = Port()
    taken.holders = [holder("0.0.0.0")]
    return [None if mark == "." else taken for mark in free]


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ("....", True),
        ("xxx.", True),
        ("xxxx", False),
        ("xx", False),
        ("x.", True),
        ("xxxx.", None),
        (".xxxx", None),
        ("xx.xx", True),
        ("xxxxx", False),
    ],
)
def test_the_walk_through_the_range(ports: str, found: bool | None) -> None:
    assert finds_open_port(_range(ports), holder("0.0.0.0")) is found


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
    for marks in product(".x", repeat=size):
        free = {number for number, mark in enumerate(marks) if mark == "."}
        answers = {bool(free & _walk(size, offset)) for offset in range(size & ~1)}
        found = finds_open_port(_range("".join(marks)), holder("0.0.0.0"))
        assert found is None or answers == {found}, marks
