"""include/linux/socket.h: the families without a listen, and those without a model."""

from __future__ import annotations

import pickle
from errno import EOPNOTSUPP, EPERM

import pytest

from listenwatch.model.inputs import (
    Knowledge,
    Socket,
    SocketType,
)
from listenwatch.model.rules import Rule
from listenwatch.model.socket_h import (
    NO_LISTEN,
    PROTOCOLS,
    UNMODELLED,
    VSOCK,
    Unmodelled,
    not_modelled,
)
from listenwatch.report.text import unmodelled_text
from tests.helpers.make import NOTHING, TCP, UNIX, outcome, outcomes


@pytest.mark.parametrize(
    "pre",
    [
        TCP._replace(family=30, protocol=0),
        TCP._replace(protocol=256),
        UNIX._replace(family=99),
    ],
    ids=["tipc", "smc", "unknown"],
)
def test_families_without_a_model_say_so(pre: Socket) -> None:
    with pytest.raises(Unmodelled, match=rf"family=.*\b{pre.family}\b.*, type=.*protocol={pre.protocol},"):
        outcomes(pre)


def test_the_security_module_is_asked_before_the_family_matters() -> None:
    found = outcome(TCP._replace(family=40), knowledge=Knowledge(refusal=-EPERM))
    assert found.rule is Rule.SECURITY_REFUSED


@pytest.mark.parametrize(("family", "name"), [(f, name) for f, (name, _) in UNMODELLED.items()])
def test_families_without_a_model_say_which_and_why(family: int, name: str) -> None:
    with pytest.raises(Unmodelled, match=f"name='{name}', .*why=.[a-z]"):
        outcomes(NOTHING._replace(family=family, type=SocketType.STREAM, seen=1))


def test_what_nobody_knows_is_unmodelled() -> None:
    with pytest.raises(Unmodelled, match=r"name='', family=99,.*why=''"):
        outcomes(NOTHING._replace(family=99, type=SocketType.STREAM, seen=1))
    with pytest.raises(Unmodelled, match="SMC"):
        outcomes(TCP._replace(protocol=256))


def test_families_without_a_listen() -> None:
    assert sorted(NO_LISTEN) == [15, 16, 17, 21, 24, 29, 34, 36, 38, 41, 42, 44, 45]


def test_families_without_a_model() -> None:
    told = "3 4 5 6 8 9 11 12 20 26 30 31 32 33 35 37 39 43"
    assert sorted(UNMODELLED) == [int(number) for number in told.split()]
    assert sorted(PROTOCOLS) == [33, 256, 262]
    assert VSOCK == 40
    assert UNMODELLED[33][0] == "AF_RXRPC"
    assert UNMODELLED[43][0] == "AF_SMC"


@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [(30, 2, 0), (30, 4, 0), (31, 3, 1), (31, 3, 4), (31, 3, 5), (31, 3, 6), (35, 2, 0), (35, 2, 1), (39, 3, 0), (39, 3, 1), (39, 5, 0)],
)
def test_kinds_without_a_listen_in_families_that_have_one(family: int, kind: int, protocol: int) -> None:
    """As seen on 7.3.4: TIPC datagrams, Bluetooth's HCI, BNEP, CMTP and HIDP, Phonet datagrams, NFC raw and seqpacket."""
    made = outcome(NOTHING._replace(family=family, type=kind, protocol=protocol, seen=1))
    assert (made.result, made.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [(30, 1, 0), (30, 5, 0), (31, 5, 0), (31, 3, 3), (33, 2, 2), (35, 5, 0), (39, 1, 1), (39, 2, 1)],
)
def test_other_kinds_of_these_families_have_a_listen_of_their_own(family: int, kind: int, protocol: int) -> None:
    with pytest.raises(Unmodelled):
        outcomes(NOTHING._replace(family=family, type=kind, protocol=protocol, seen=1))


@pytest.mark.parametrize("family", [15, 16, 17, 21, 24, 29, 34, 36, 38, 41, 42, 44, 45])
def test_a_family_without_a_listen_answers_so(family: int) -> None:
    found = outcome(NOTHING._replace(family=family, type=SocketType.RAW, seen=1))
    assert (found.result, found.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("family", "protocol", "told"),
    [
        (2, 33, "no model of DCCP (family 2, type 6, protocol 33): it left"),
        (10, 33, "no model of DCCP (family 10, "),
        (10, 256, "no model of SMC (family 10, "),
        (2, 99, "no model of this protocol (family 2, type 6, protocol 99): it is not known here"),
        (10, 99, "no model of this protocol (family 10, "),
        (33, 33, "no model of AF_RXRPC (family 33, "),
        (1, 33, "no model of this family (family 1, "),
        (3, 256, "no model of AF_AX25 (family 3, "),
        (9, 33, "no model of AF_X25 (family 9, "),
        (11, 33, "no model of AF_ROSE (family 11, "),
    ],
)
def test_protocols_are_told_for_the_internet_families_only(
    family: int, protocol: int, told: str
) -> None:
    assert unmodelled_text(not_modelled(family, 6, protocol)).startswith(told)


def test_an_unmodelled_kind_crosses_processes() -> None:
    kind = not_modelled(2, 6, 33)
    copy = pickle.loads(pickle.dumps(Unmodelled(kind)))
    assert copy.kind == kind and str(copy) == str(Unmodelled(kind))
