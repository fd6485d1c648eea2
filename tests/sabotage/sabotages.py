"""The sabotages: what each breaks, which scenarios have to notice, and the stage they have to point at."""

from __future__ import annotations

from typing import NamedTuple

CLAMPED = frozenset({
    "backlog-clamped-ipv4", "backlog-clamped-ipv6", "backlog-clamped-unix", "backlog-negative-ipv4",
    "another-namespace", "relisten-ipv4", "security-refuses-ipv4",
})  # fmt: skip
NEGATIVE = frozenset({"backlog-negative-ipv4", "relisten-ipv4", "security-refuses-ipv4"})
IPV4 = frozenset({
    "backlog-clamped-ipv4", "backlog-0-ipv4", "backlog-negative-ipv4", "backlog-65536-ipv4",
    "autobind-ipv4", "relisten-ipv4", "reuseaddr-second-ipv4", "reset-by-peer",
    "security-refuses-ipv4",
})  # fmt: skip
IPV6 = frozenset({"backlog-clamped-ipv6", "another-namespace"})
TCP = IPV4 | IPV6
ABOVE_0 = TCP - {"backlog-0-ipv4"}

SCENARIOS = TCP | {"backlog-clamped-unix", "accepted-by-unix", "descriptor-minus-1"}
"""Every way through listen() in few calls: each entry_path that fails, each clamp, each kind of socket."""

HASHED = "state against sock_diag"  # sock_diag finds a listener by its hash


class Sabotage(NamedTuple):
    """One module of ``modules``.

    ``stage`` is where the first difference of a call lies that breaks directly, ``later`` where it
    lies of one that another path or a former call has broken. ``hits`` are the scenarios that
    disagree; every other one has to agree all the same.
    """

    module: str
    breaks: str
    stage: str
    hits: frozenset[str]
    later: tuple[str, ...] = ()


_SECURITY = "security_socket_listen"
_START = "inet_csk_listen_start"
_RETURNS = "inet_listen returns"

SABOTAGES = (
    Sabotage(
        "wrong_ebadf", "errno of a bad descriptor", "result", frozenset({"descriptor-minus-1"})
    ),
    Sabotage("clamp_skipped", "no clamp", _SECURITY, CLAMPED),
    Sabotage("clamp_off_by_one", "clamps to one too few", _SECURITY, CLAMPED),
    Sabotage("clamp_signed", "clamp compares signed", _SECURITY, NEGATIVE),
    Sabotage("negative_zero", "negative means 0", _SECURITY, NEGATIVE),
    Sabotage(
        "init_somaxconn",
        "somaxconn of init_net",
        _SECURITY,
        (CLAMPED | {"backlog-65536-ipv4"}) - {"security-refuses-ipv4"},
    ),
    Sabotage(
        "caller_somaxconn", "somaxconn of the caller", _SECURITY, frozenset({"another-namespace"})
    ),
    Sabotage("clamp_late", "clamp after the hook", _SECURITY, CLAMPED),
    Sabotage(
        "security_ignored", "refusal ignored", "inet_listen", frozenset({"security-refuses-ipv4"})
    ),
    Sabotage(
        "security_deaf",
        "nobody is asked",
        "security_socket_listen returns",
        frozenset({"security-refuses-ipv4"}),
    ),
    Sabotage(
        "security_spurious",
        "refusal out of nowhere",
        "security_socket_listen returns",
        frozenset({"backlog-0-ipv4", "relisten-ipv4"}),
    ),
    Sabotage("backlog_halved", "half is stored", _START, ABOVE_0, (_RETURNS,)),
    Sabotage("backlog_16_bits", "16 bits are stored", _START, frozenset({"backlog-65536-ipv4"})),
    Sabotage("stored_zeroed", "limit lost on success", _RETURNS, ABOVE_0),
    Sabotage("relisten_ignored", "second listen() ignored", _RETURNS, frozenset({"relisten-ipv4"})),
    Sabotage(
        "socket_state_unchecked", "sock->state unchecked", _START, frozenset({"reset-by-peer"})
    ),
    Sabotage("refusal_lost", "EINVAL becomes 0", _RETURNS, frozenset({"reset-by-peer"})),
    Sabotage("success_lost", "0 becomes EINVAL", _RETURNS, TCP),
    Sabotage(
        "autobind_refused",
        "no autobind",
        "state to LISTEN",
        frozenset({"autobind-ipv4", "reset-by-peer"}),
    ),
    Sabotage(
        "wrong_errno",
        "errno of a taken port",
        "inet_csk_listen_start returns",
        frozenset({"reuseaddr-second-ipv4"}),
    ),
    Sabotage(
        "state_not_restored",
        "LISTEN after a failure",
        "state back to CLOSE",
        frozenset({"reuseaddr-second-ipv4"}),
        (HASHED,),
    ),
    Sabotage("hash_skipped", "hash() not called", "inet_hash", IPV4, (HASHED,)),
    Sabotage("hash_empty", "hash() does nothing", HASHED, IPV4),
    Sabotage("hash_of_ipv4", "IPv6 hashed as IPv4", "inet_hash", IPV6),
    Sabotage(
        "unix_limit",
        "AF_UNIX limit",
        "max_ack_backlog at return",
        frozenset({"backlog-clamped-unix"}),
    ),
    Sabotage("unix_state_ignored", "AF_UNIX state unchecked", "result", frozenset({"accepted-by-unix"})),
)
"""In the order of the way a call takes."""
