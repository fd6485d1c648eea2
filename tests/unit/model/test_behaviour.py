"""Each field of Behaviour alone changes a prediction, and only where it should."""

from __future__ import annotations

import re
from collections.abc import Callable
from errno import EINVAL
from typing import Any

import pytest

from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.model.inputs import Environment, Knowledge, Socket, SocketState, TcpState, Ulp
from listenwatch.model.kernels import ERAS
from listenwatch.model.predict import predict
from listenwatch.model.queue_rules import QueueRule
from listenwatch.model.run import Outcome
from listenwatch.model.socket_h import Unmodelled
from listenwatch.model.stages import StageIndex
from listenwatch.model.sysctl_net_core import somaxconn_of_new_netns, write_somaxconn
from listenwatch.model.tcp_input import Listener, tcp_conn_request
from listenwatch.model.variants import (
    NO_MPTCP,
    FastOpen,
    HashError,
    InnerHash,
    ListenerTables,
    SomaxconnRange,
    StartArgument,
    Stored,
    SynQueue,
)
from listenwatch.prediction.parameters import Parameters, environment_of
from tests.helpers.eras import LINUX_5_10, LINUX_6_6, LINUX_7_3
from tests.helpers.make import FREE, INT_MAX, MPTCP, TAKEN, TCP, TCP6, UNIX, outcome, request

CONNECTING = MPTCP._replace(socket_state=SocketState.CONNECTING)
SHARED6 = TCP6._replace(reuseport=1)
NO_MEMORY = FREE._replace(memory=False)
OTHER_ERRNO = TAKEN._replace(port_errno=EINVAL)
ON_THE_WAY = ("inet_listen_sk", "stored", "state_tracepoint", "ipv4_hash", "syn_queue", "fastopen")
"""Fields that show on the way of a plain listen, whatever comes of it."""

Case = tuple[str, object, Socket, int, Knowledge]

CASES: list[Case] = [
    ("inet_listen_sk", "inet_listen", TCP, 511, FREE),
    ("max_ack_backlog_bits", 16, TCP, 65536, FREE),
    ("max_ack_backlog_bits", 16, UNIX, 65537, FREE),
    ("stored", Stored.INSIDE_LISTEN_START, TCP, 511, FREE),
    ("stored", Stored.AFTER_LISTEN_START, TCP, 511, TAKEN),
    ("ulp_without_clone_refused", False, TCP._replace(ulp=Ulp.NO_CLONE), 511, FREE),
    ("ulp_without_clone_refused", None, TCP._replace(ulp=Ulp.NO_CLONE), 511, FREE),
    ("ipv6_hash", "inet6_hash", TCP6, 511, FREE),
    ("mptcp_enters", "inet_listen", MPTCP, 511, FREE),
    ("mptcp_checks_socket_state", False, CONNECTING, 511, FREE),
    ("mptcp_checks_socket_state", None, CONNECTING, 511, FREE),
    ("mptcp_enters", NO_MPTCP, MPTCP, 511, FREE),
    ("fastopen", FastOpen.ALLOCATES, TCP, 511, NO_MEMORY),
    ("syn_queue", SynQueue.TABLE_BY_BACKLOG, TCP, 511, NO_MEMORY),
    ("syn_queue", SynQueue.TABLE_OF_512, TCP, 511, NO_MEMORY),
    ("state_tracepoint", False, TCP, 511, FREE),
    ("get_port_errno_passed_on", False, TCP, 511, OTHER_ERRNO),
    ("get_port_errno_passed_on", None, TCP, 511, OTHER_ERRNO),
    ("port_failure_returns_0", True, TCP, 511, TAKEN),
    ("port_failure_returns_0", None, TCP, 511, TAKEN),
    ("hash_error", HashError.CANNOT_FAIL, SHARED6, 511, FREE),
    ("hash_error", HashError.LOST_OVER_IPV6, SHARED6, 511, FREE),
    ("ipv4_hash", "tcp_v4_hash", TCP, 511, FREE),
    ("unix_wrong_state_listens", True, UNIX._replace(state=TcpState.ESTABLISHED), 511, FREE),
    ("unix_wrong_state_listens", None, UNIX._replace(state=TcpState.ESTABLISHED), 511, FREE),
]


def visible(found: list[Outcome]) -> list[tuple[object, ...]]:
    """What a probe could see of these outcomes; rule names do not count."""
    return [
        (
            o.result,
            tuple(o.stages.items()),
            *((s.state, s.max_ack_backlog, s.bound) for s in (o.socket, o.subflow) if s),
        )
        for o in found
    ]


def changed(field: str, value: Any) -> Behaviour:
    """The newest Behaviour with one field changed."""
    return LINUX_7_3.replace(**{field: value})


def predicted(case: Case, behaviour: Behaviour) -> list[tuple[object, ...]]:
    """What is visible of a case under a Behaviour."""
    _, _, pre, backlog, knowledge = case
    env = Environment(somaxconn=INT_MAX, max_syn_backlog=1024, syncookies=1, fastopen=0x402, abort_on_overflow=0)
    try:
        return visible(list(predict(request(backlog), pre, env, behaviour, knowledge)))
    except Unmodelled as unmodelled:
        return [(str(unmodelled),)]


@pytest.mark.parametrize("case", CASES, ids=[f"{field}={value}" for field, value, *_ in CASES])
def test_a_field_alone_changes_a_prediction(case: Case) -> None:
    assert predicted(case, changed(*case[:2])) != predicted(case, LINUX_7_3)


@pytest.mark.parametrize("case", [case for case in CASES if case[0] not in ON_THE_WAY])
def test_a_field_leaves_a_plain_listen_alone(case: Case) -> None:
    """A bound TCP socket over IPv4 and a small backlog: only the order of writes shows there."""
    assert visible([outcome(behaviour=changed(*case[:2]))]) == visible([outcome()])


def step_texts(behaviour: Behaviour) -> list[tuple[object, ...]]:
    """What the kernel does on the way of a plain listen over IPv4, in words."""
    return [tuple(step) for step in outcome(behaviour=behaviour).steps]


FULL = Listener(max_ack_backlog=1, ack_backlog=2)
NO_COOKIES = Environment(somaxconn=4096, max_syn_backlog=1024, syncookies=0, fastopen=0, abort_on_overflow=0)
MEANS: list[tuple[str, object, Callable[[Behaviour], object]]] = [
    ("sys_listen", "sys_listen", step_texts),
    ("listen_start", "tcp_listen_start", step_texts),
    ("listen_start_argument", StartArgument.BACKLOG, step_texts),
    ("listen_start_argument", StartArgument.TCP_SYNQ_HSIZE, step_texts),
    ("inner_hash", InnerHash.INLINE, step_texts),
    ("inner_hash", InnerHash.STATIC, step_texts),
    ("inner_hash", InnerHash.GLOBAL, step_texts),
    ("listener_tables", ListenerTables.PORT, step_texts),
    ("listener_tables", ListenerTables.PORT_AND_ADDRESS, step_texts),
    ("wakes_lhash_wait", True, step_texts),
    ("bpf_listen_callback", False, step_texts),
    ("somaxconn_default", 128, lambda b: somaxconn_of_new_netns(1000, b)),
    ("somaxconn_per_netns", False, lambda b: somaxconn_of_new_netns(1000, b)),
    ("somaxconn_range", SomaxconnRange.ANY_INT, lambda b: write_somaxconn(-1, b)),
    ("somaxconn_range", SomaxconnRange.UNSIGNED_SHORT, lambda b: write_somaxconn(65536, b)),
    (
        "syncookies_by_default",
        False,
        lambda b: environment_of(Parameters(511), b).syncookies,
    ),
    (
        "syncookies_2_is_always",
        False,
        lambda b: tcp_conn_request(Listener(8), NO_COOKIES._replace(syncookies=2), b),
    ),
    ("conn_request", "tcp_v4_conn_request", lambda b: QueueRule.SYN_QUEUED.source_in(b)),
    ("cookies_counted_as_drops", True, lambda b: tcp_conn_request(Listener(8), NO_COOKIES._replace(syncookies=2), b)),
    ("syn_floods_counted", False, lambda b: tcp_conn_request(Listener(0, qlen=9), NO_COOKIES, b)),
    ("syn_drops_counted", False, lambda b: tcp_conn_request(FULL, NO_COOKIES, b)),
    ("full_acceptq_drops_every_syn", False, lambda b: tcp_conn_request(FULL, NO_COOKIES, b)),
    ("full_acceptq_drops_every_syn", None, lambda b: tcp_conn_request(FULL, NO_COOKIES, b)),
    (
        "syn_queue_full_above_limit",
        False,
        lambda b: tcp_conn_request(Listener(0), NO_COOKIES, b),
    ),
    ("syn_queue_full_above_limit", None, lambda b: tcp_conn_request(Listener(0), NO_COOKIES, b)),
]


@pytest.mark.parametrize(
    ("field", "value", "means"), MEANS, ids=[f"{field}={value}" for field, value, _ in MEANS]
)
def test_a_field_alone_changes_what_it_means(
    field: str, value: object, means: Callable[[Behaviour], object]
) -> None:
    assert means(changed(field, value)) != means(LINUX_7_3)


def test_every_field_has_a_case() -> None:
    fields = {field for field, *_ in CASES} | {field for field, *_ in MEANS}
    assert fields == set(FIELDS)


def test_every_value_that_an_era_has_has_a_case() -> None:
    tried = {(field, value) for field, value, *_ in [*CASES, *MEANS]}
    for field in FIELDS:
        for value in {era.values()[field] for _, era in ERAS} - {LINUX_7_3.values()[field]}:
            assert (field, value) in tried or field in ("sys_listen", "ipv6_hash", "fastopen")


def test_none_gives_both_outcomes() -> None:
    for case in CASES:
        field, value = case[:2]
        if value is None:
            both = predicted(case, changed(field, None))
            each = [*predicted(case, changed(field, True)), *predicted(case, changed(field, False))]
            assert len(both) == len(each) and all(one in both for one in each)


def test_every_field_cites_its_source() -> None:
    """The meaning of each field names a commit or the file it was read in, and releases."""
    for field, history in FIELDS.items():
        assert re.search(r"commit [0-9a-f]{12} |\.c\)", history.text), field
        assert re.search(r"v\d+\.\d+", history.text), field
        assert "{" not in history.text, field
        for commit in history.commits:
            assert re.fullmatch(r"[0-9a-f]{12}", commit.id) and str(commit) in history.text


def test_eras_differ_as_their_names_say() -> None:
    assert Behaviour() == LINUX_7_3
    assert outcome(TCP6, behaviour=LINUX_6_6).stages[StageIndex.HASH].value == 2
    assert StageIndex.INET_LISTEN in outcome(MPTCP, behaviour=LINUX_5_10).stages
