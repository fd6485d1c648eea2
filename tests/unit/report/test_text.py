"""Reasons a person understands, for every rule of the model."""

from __future__ import annotations

from errno import EADDRINUSE, EBADF, EOPNOTSUPP

import pytest

from listenwatch.linux.names import errno_text
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    EntryPath,
    Knowledge,
    Request,
    Socket,
    SocketState,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.rules import Rule
from listenwatch.model.run import Outcome
from listenwatch.report.text import brief, explain, reason
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from tests.helpers.eras import LINUX_7_3
from tests.helpers.make import (
    FREE,
    INT_MAX,
    MPTCP,
    NOTHING,
    TAKEN,
    TCP,
    UDP,
    UNBOUND,
    UNIX,
    environment,
    observe,
    outcome,
    request,
)

SLIP = LINUX_7_3.replace(unix_wrong_state_listens=True)
NARROW = LINUX_7_3.replace(max_ack_backlog_bits=16)


def explained(
    pre: Socket = TCP,
    backlog: int = 511,
    *,
    somaxconn: int = 4096,
    knowledge: Knowledge = FREE,
    behaviour: Behaviour = LINUX_7_3,
    entry_path: EntryPath = EntryPath.SYSCALL,
) -> str:
    """The reason of one call."""
    found = outcome(
        pre, backlog, somaxconn=somaxconn, knowledge=knowledge, behaviour=behaviour, entry_path=entry_path
    )
    call = observe(request(backlog, entry_path), pre, environment(somaxconn), found)
    return explain(call, found)


def test_clamped_says_by_what() -> None:
    assert explained(somaxconn=128) == (
        "asked 511, stored 128: clamped by net.core.somaxconn"
    )


def test_negative_says_why_it_is_huge() -> None:
    assert explained(backlog=-1) == (
        "asked -1, stored 4096: a negative number counts as huge: clamped by net.core.somaxconn"
    )


def test_zero_says_one_connection_may_wait() -> None:
    assert explained(backlog=0) == "asked 0, stored 0: 0 is kept: one connection may wait"


def test_a_plain_listen_has_nothing_to_explain() -> None:
    assert explained() == "asked 511, stored 511"


def test_a_kernel_listener_is_not_clamped() -> None:
    text = explained(backlog=9999, entry_path=EntryPath.KERNEL)
    assert text.startswith("asked 9999, stored 9999: a listener of the kernel itself")


def test_a_narrow_field_is_named() -> None:
    text = explained(backlog=65536, somaxconn=INT_MAX, behaviour=NARROW)
    assert text == "asked 65536, stored 0: the field holds 16 bits only"


def test_autobind() -> None:
    assert explained(UNBOUND).endswith("; not bound, so the kernel chose a port")


@pytest.mark.parametrize(
    "pre",
    [
        TCP._replace(state=TcpState.LISTEN, max_ack_backlog=7),
        UNIX._replace(state=TcpState.LISTEN, max_ack_backlog=7),
        MPTCP._replace(
            state=TcpState.LISTEN,
            max_ack_backlog=5,
            subflow_state=TcpState.LISTEN,
            subflow_max_ack_backlog=7,
        ),
    ],
    ids=["tcp", "unix", "mptcp"],
)
def test_a_second_listen_tells_the_old_limit(pre: Socket) -> None:
    assert explained(pre) == "asked 511, stored 511; was listening already, limit was 7"


def test_mptcp_tells_what_its_subflow_stored() -> None:
    assert explained(MPTCP._replace(max_ack_backlog=5)) == "asked 511, stored 511"


REFUSALS = {
    Rule.SECURITY_REFUSED: (TCP, Knowledge(refusal=-13), "EACCES: refused by a security module"),
    Rule.NOT_SUPPORTED: (UDP, FREE, "EOPNOTSUPP: this kind of socket cannot listen"),
    Rule.WRONG_SOCKET_STATE: (
        TCP._replace(socket_state=SocketState.CONNECTED),
        FREE,
        "EINVAL: the socket is connected",
    ),
    Rule.WRONG_STATE: (
        TCP._replace(state=TcpState.CLOSE_WAIT),
        FREE,
        "EINVAL: the socket is in state CLOSE_WAIT",
    ),
    Rule.ULP_REFUSED: (TCP._replace(ulp=Ulp.NO_CLONE), FREE, "upper layer protocol"),
    Rule.PORT_TAKEN: (TCP, TAKEN, "EADDRINUSE: another socket holds the port"),
    Rule.NO_FREE_PORT: (UNBOUND, TAKEN, "no ephemeral port is free"),
    Rule.UNIX_UNBOUND: (UNIX._replace(bound=0), FREE, "needs bind() first"),
    Rule.UNIX_WRONG_STATE: (UNIX._replace(state=TcpState.ESTABLISHED), FREE, "is connected"),
}


@pytest.mark.parametrize("rule", list(REFUSALS), ids=lambda rule: rule.value)
def test_refusals(rule: Rule) -> None:
    pre, knowledge, words = REFUSALS[rule]
    assert outcome(pre, knowledge=knowledge).rule is rule
    assert words in explained(pre, knowledge=knowledge)


def test_a_socket_not_in_use() -> None:
    assert "not in use" in explained(TCP._replace(socket_state=SocketState.FREE))


def test_a_state_without_a_name_stays_a_number() -> None:
    assert explained(TCP._replace(state=99)) == "EINVAL: the socket is in state 99"


def test_a_failed_hash() -> None:
    pre = TCP._replace(reuseport=1)
    found = list(predict(request(), pre, environment(), LINUX_7_3, FREE))[1]
    text = explain(observe(request(), pre, environment(), found), found)
    assert text == "ENOMEM: the SO_REUSEPORT group cannot take another listener"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Request(EntryPath.SYSCALL, False, False, 5), "EBADF: the descriptor is not open, or opened with O_PATH"),
        (Request(EntryPath.SYSCALL, True, False, 5), "ENOTSOCK: the descriptor is not a socket"),
    ],
)
def test_descriptors(asked: Request, words: str) -> None:
    (found,) = predict(asked, NOTHING, environment(), LINUX_7_3, Knowledge())
    assert explain(observe(asked, NOTHING, environment(), found), found) == words


def test_a_known_defect_is_called_so() -> None:
    text = explained(UNIX._replace(state=TcpState.ESTABLISHED), behaviour=SLIP)
    assert "did nothing" in text and "known defect" in text


def brief_of(pre: Socket, found: Outcome) -> str:
    """The short reason of one call."""
    verdict = Verdict(VerdictKind.AGREE, found.rule.value, found.backlog_rule.value, predicted=found)
    return brief(observe(request(), pre, environment(), found), verdict)


def test_brief() -> None:
    assert brief_of(TCP, outcome()) == "as asked"
    assert brief_of(TCP, outcome(somaxconn=128)) == "clamped by net.core.somaxconn"
    assert brief_of(UNBOUND, outcome(UNBOUND)) == "as asked; not bound, so the kernel chose a port"
    assert brief_of(TCP, outcome(knowledge=TAKEN)) == "another socket holds the port"
    call = observe(request(), TCP, environment(), outcome())._replace(result=-1)
    verdict = judge(call, LINUX_7_3, FREE)
    assert brief(call, verdict) == reason(call, verdict) == "result: predicted 0, observed EPERM"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (0, "0"),
        (3, "3"),
        (-EBADF, "EBADF"),
        (-EADDRINUSE, "EADDRINUSE"),
        (-EOPNOTSUPP, "EOPNOTSUPP"),
        (-512, "-512"),
    ],
)
def test_errno_text(result: int, text: str) -> None:
    assert errno_text(result) == text


def test_a_state_the_kernel_does_not_define_stays_a_number() -> None:
    """Only a crafted recording has one: it is told, not a traceback."""
    pre = TCP._replace(socket_state=7)
    call = observe(request(), pre, environment(), outcome(pre))
    assert explain(call, outcome(pre)) == "EINVAL: the socket is in socket state 7"
