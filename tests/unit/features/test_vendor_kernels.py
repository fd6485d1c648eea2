"""A vendor's kernel, simulated: RHEL's 5.14 with what it took from later kernels; what is not known is unknown."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Recording
from listenwatch.features.behaviour import behaviour_of, decisions
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import Behaviour, unknown_fields
from listenwatch.model.history import Version
from listenwatch.model.kernels import behaviour_for, mainline, vendor_behaviour
from listenwatch.model.variants import InnerHash, ListenerTables, StartArgument
from listenwatch.report.behaviour import describe
from listenwatch.verdict.compare import VerdictKind, judge
from tests.helpers.vectors import VECTORS, load

RELEASE, BASE = "5.14.0-427.13.1.el9_4.x86_64", (5, 14, 0)
NOT_KNOWN = [
    "ulp_without_clone_refused",
    "get_port_errno_passed_on",
    "port_failure_returns_0",
    "mptcp_checks_socket_state",
    "unix_wrong_state_listens",
    "syn_queue_full_above_limit",
]
"""What no name shows, of a kernel that began as 5.14."""


def names(version: Version) -> dict[str, bool]:
    """What the BTF of a mainline kernel of this version names."""
    return {
        "__sys_listen_socket": version >= (6, 11, 0),
        "__sys_listen": True,
        "inet_csk_listen_start(sk)": version >= (5, 17, 0),
        "btf_trace_inet_sock_set_state": True,
        "BPF_SOCK_OPS_TCP_LISTEN_CB": True,
        "mptcp_listen": True,
        "__inet_listen_sk": version >= (6, 6, 0),
        "inet6_hash": version < (6, 18, 0),
        "__inet_hash": version < (6, 18, 0),
        "listening_hash": version < (5, 19, 0),
    }


def rhel(like: Version, **without: bool) -> Kernel:
    """A RHEL 5.14 whose listen() was taken from another kernel."""
    return Kernel(RELEASE, BASE, "x86_64", {**names(like), **without})


@cache
def recorded(series: str) -> tuple[Recording, list[ListenCall]]:
    (path,) = [path for path in VECTORS if path.parent.name == series]
    return load(path)


@pytest.mark.parametrize("series", sorted({path.parent.name for path in VECTORS}))
def test_what_a_vendor_took_from_another_kernel_is_no_disagreement(series: str) -> None:
    """Every call recorded on that kernel, as if RHEL had taken all of its listen()."""
    recording, calls = recorded(series)
    behaviour = behaviour_of(rhel(recording.header.kernel.version))
    assert Counter(judge(call, behaviour).kind for call in calls) == {VerdictKind.AGREE: len(calls)}
    assert unknown_fields(behaviour) == NOT_KNOWN


@pytest.mark.parametrize("series", ["5.10", "6.12"])
def test_what_no_kernel_does_is_a_disagreement_there_too(series: str) -> None:
    recording, calls = recorded(series)
    behaviour = behaviour_of(rhel(recording.header.kernel.version))
    wrong = [
        call._replace(post=call.post._replace(max_ack_backlog=call.post.max_ack_backlog + 1))
        for call in calls
        if call.post.seen
    ]
    assert VerdictKind.AGREE not in {judge(call, behaviour).kind for call in wrong}


def test_without_what_it_names_it_was_judged_wrongly() -> None:
    """The reason for all this: taken for mainline's 5.14, a RHEL with a later MPTCP disagrees."""
    _, calls = recorded("6.12")
    kinds = Counter(judge(call, mainline(BASE)).kind for call in calls)
    assert kinds[VerdictKind.DISAGREE]


def test_what_it_names_decides_and_the_rest_is_not_known() -> None:
    behaviour = behaviour_of(rhel((6, 12, 0)))
    assert behaviour.sys_listen == "__sys_listen_socket"
    assert behaviour.listen_start_argument is StartArgument.NONE
    assert behaviour.mptcp_enters == "__inet_listen_sk"
    assert behaviour.inner_hash is InnerHash.GLOBAL
    assert behaviour.listener_tables is ListenerTables.ADDRESS
    told = decisions(rhel((6, 12, 0)), "BTF")
    assert told["inner_hash"] == (InnerHash.GLOBAL, "BTF names __inet_hash")
    assert told["listener_tables"].how == "BTF does not name listening_hash"
    assert told["stored"].how == "release 5.14.0"
    assert told["state_tracepoint"].how == "BTF names btf_trace_inet_sock_set_state"
    assert told["syn_queue_full_above_limit"].value is None
    assert "Red Hat" in told["syn_queue_full_above_limit"].how
    assert [field for field, (value, _) in told.items() if value is None] == NOT_KNOWN
    assert describe(behaviour).endswith(f"is allowed: {', '.join(NOT_KNOWN)}")


def test_without_any_names_whatever_changed_since_is_not_known() -> None:
    behaviour = behaviour_of(Kernel(RELEASE, BASE, "x86_64", {}))
    assert set(unknown_fields(behaviour)) - set(NOT_KNOWN) == {
        "sys_listen",
        "inet_listen_sk",
        "listen_start_argument",
        "mptcp_enters",
        "ipv6_hash",
        "inner_hash",
        "listener_tables",
    }
    for series in ("5.10", "6.12"):
        _, calls = recorded(series)
        assert {judge(call, behaviour).kind for call in calls} == {VerdictKind.AGREE}


def test_what_changed_before_it_began_is_known() -> None:
    assert vendor_behaviour((7, 3, 0)) == behaviour_for((7, 3, 0))
    assert vendor_behaviour((6, 2, 0)).unknown == {
        "sys_listen",
        "inet_listen_sk",
        "mptcp_enters",
        "mptcp_checks_socket_state",
        "unix_wrong_state_listens",
        "ipv6_hash",
        "inner_hash",
        "syn_queue_full_above_limit",
    }
    assert vendor_behaviour(BASE).port_failure_returns_0 is False
    assert not vendor_behaviour((5, 16, 0)).unknown & {"port_failure_returns_0", "stored"}


def test_the_number_of_other_kernels_says_what_is_in_them() -> None:
    for release in ("6.1.0-50-amd64", "6.1.192", "6.1.192-custom"):
        debian = behaviour_of(Kernel(release, (6, 1, 192), "x86_64", names((6, 1, 0))))
        assert debian == behaviour_for((6, 1, 192))


@pytest.mark.parametrize("series", sorted({path.parent.name for path in VECTORS}))
def test_all_names_say_what_the_release_says(series: str) -> None:
    version = recorded(series)[0].header.kernel.version
    kernel = Kernel(".".join(map(str, version)), version, "x86_64", names(version))
    assert behaviour_of(kernel) == behaviour_for(version)


def test_a_kernel_without_mptcp() -> None:
    assert behaviour_of(rhel((6, 12, 0), mptcp_listen=False)).mptcp_enters == "no MPTCP"


def test_every_unknown_field_is_explored() -> None:
    """Nobody knows anything: a plain call that any era allows agrees."""
    nothing = Behaviour().replace(**dict.fromkeys(Behaviour().values()))
    _, calls = recorded("6.12")
    assert judge(calls[0], nothing).kind is VerdictKind.AGREE
