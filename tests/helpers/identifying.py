"""Kernels to identify without one: recorded calls, and answers of a kernel that has a given Behaviour."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from listenwatch.call.record import ListenCall
from listenwatch.conformance.harness.journal import Issued, Measurement
from listenwatch.conformance.harness.judging import Judged, judge_pair
from listenwatch.conformance.identify.cases import Case, of_results
from listenwatch.conformance.matrix.vectors import case_of
from listenwatch.conformance.run import Result
from listenwatch.conformance.traffic import measure
from listenwatch.conformance.traffic.expected import EXPECT
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import NEWEST, Behaviour
from listenwatch.model.inputs import EntryPath, Environment, Knowledge, Request
from listenwatch.model.kernels import mainline
from listenwatch.model.predict import predict
from listenwatch.model.socket_h import Unmodelled
from listenwatch.model.variants import SomaxconnRange, Stored
from listenwatch.verdict.compare import judge
from tests.helpers import make
from tests.helpers.vectors import VECTORS, load

EL7 = mainline((3, 10, 0)).replace(somaxconn_range=SomaxconnRange.UNSIGNED_SHORT, syncookies_2_is_always=True)
"""3.10.0-1160.el7: with the somaxconn range of 3.11 and tcp_syncookies 2 of 3.12."""
EL8_147 = mainline((4, 18, 0)).replace(bpf_listen_callback=True)
"""4.18.0-147.el8: with the callback of 4.19."""
EL8_240 = EL8_147.replace(stored=Stored.BEFORE_LISTEN_START)
"""4.18.0-240.el8: that stores the backlog as 5.0 does, too."""
BTF_OF_EL8 = {
    "__sys_listen_socket": False, "__sys_listen": True, "inet_csk_listen_start(sk)": False, "mptcp_listen": False,
    "btf_trace_inet_sock_set_state": True, "BPF_SOCK_OPS_TCP_LISTEN_CB": True, "__inet_listen_sk": False,
    "inet6_hash": True, "__inet_hash": True, "listening_hash": True,
}  # fmt: skip
VENDORS = {
    "el7": (EL7, Kernel("3.10.0-1160.el7.x86_64", (3, 10, 0), "x86_64", {})),
    "el8-147": (EL8_147, Kernel("4.18.0-147.el8.x86_64", (4, 18, 0), "x86_64", {})),
    "el8-240": (EL8_240, Kernel("4.18.0-240.el8.x86_64", (4, 18, 0), "x86_64", BTF_OF_EL8)),
}
"""Kernels of Red Hat as KERNEL.md read them, and what the last has in its BTF; the others have none."""


def recorded(path: Path) -> list[Case]:
    """The calls of a vector as cases: judged by their records alone, and without what traffic did."""
    return cases_of(load(path)[1])


def cases_of(calls: Iterable[ListenCall]) -> list[Case]:
    """Calls of which nobody knows how they were made."""
    return [_case(call) for call in calls]


def _case(call: ListenCall) -> Case:
    def judged(behaviour: Behaviour) -> Judged:
        return Judged(None, call, judge(call, behaviour))

    return Case("recorded", judged, case_of("", call))


@cache
def inputs() -> tuple[ListenCall, ...]:
    """Recorded calls whose inputs a simulated kernel is asked for: one for each that differ, none of MPTCP."""
    (path,) = [path for path in VECTORS if path.parent.name == "6.12"]
    distinct: dict[object, ListenCall] = {}
    for call in load(path)[1]:
        key = (call.request, call.environment, call.pre._replace(local_port=0, source_port=0))
        if not call.pre.subflow_state and call.entry_path != EntryPath.UNKNOWN:
            distinct.setdefault(key, call)
    return tuple(distinct.values())


@cache
def simulated(behaviour: Behaviour) -> list[Case]:
    """What a kernel with this Behaviour answers: the first outcome of every input, and the traffic after it."""
    results = []
    for answer in answers(behaviour):
        issued = Issued(1, answer.fd, answer.backlog, -answer.result, answer.entry_path, None, 0)
        results.append(Result("simulated", (judge_pair((issued, answer), NEWEST),)))
    return list(of_results([*results, under_load(behaviour)]))


@cache
def answers(behaviour: Behaviour) -> list[ListenCall]:
    """The records of all inputs on that kernel; of the sockets it has no model of there is none."""
    made = (answered(call.request, call, behaviour, known_of(call)) for call in inputs())
    return [call for call in made if call is not None]


def known_of(call: ListenCall) -> Knowledge:
    return call.knowledge._replace(port_free=call.result == 0, refusal=0, memory=True)


def answered(request: Request, call: ListenCall, behaviour: Behaviour, known: Knowledge) -> ListenCall | None:
    """The record of the call on that kernel; None for what it does not describe."""
    try:
        outcome = next(predict(request, call.pre, call.environment, behaviour, known))
    except Unmodelled:
        return None
    return make.observe(request, call.pre, call.environment, outcome)._replace(address=call.address)


def sysctls(syncookies: int) -> Environment:
    return make.environment()._replace(syncookies=syncookies)


def under_load(behaviour: Behaviour) -> Result:
    """A listener with backlog 5 that is flooded, filled and looked at, each under each value of tcp_syncookies."""
    asked = make.request(5)
    outcome = next(predict(asked, make.TCP, make.environment(), behaviour, make.FREE))
    measured = []
    for syncookies in (0, 1, 2):
        for what, count, queue in (
            (measure.SYN, 6, 0), (measure.SYN, 8, 0), (measure.SYN, 20, 0), (measure.SYN, 1, 6), (measure.SYN, 3, 6),
            (measure.CONNECT, 7, 0), (measure.FINAL_ACK, 3, 4),
        ):  # fmt: skip
            measured.append(Measurement(what, count, sysctls(syncookies), queue, 0, {}, {}))
    numbers = (-(2**31), -1, 0, 65535, 65536, 2**31 - 1)
    looked = dict.fromkeys((measure.AT_FIRST, measure.COOKIES_AT_FIRST, *map(str, numbers)), 0)
    measured.append(Measurement(measure.SOMAXCONN, 6, make.environment(77), 0, 0, dict(looked)))
    measured += [
        Measurement(measure.FASTOPEN, 1, make.environment()._replace(fastopen=flags), 0, 0, {})
        for flags in (0x403, 5000 << 16 | 0x803)
    ]
    made = tuple(_answer(m, behaviour) for m in measured)
    issued = Issued(1, 3, 5, 0, EntryPath.SYSCALL, True, 0, measured=made)
    call = make.observe(asked, make.TCP, make.environment(), outcome)
    return Result("under-load", (judge_pair((issued, call), NEWEST),))


def _answer(measurement: Measurement, behaviour: Behaviour) -> Measurement:
    expected = EXPECT[measurement.what](measurement, 5, behaviour)
    seen = {name: value for name, value in expected.seen.items() if value is not None}
    counters = None if measurement.counters is None else dict(expected.counters)
    return measurement._replace(seen=seen, counters=counters)
