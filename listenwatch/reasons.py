"""Why a call went as it did, in words for people."""

from __future__ import annotations

import errno

from listenwatch.model.inputs import SocketState, TcpState
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Outcome
from listenwatch.record import ListenCall

_CLAMP = "clamped by net.core.somaxconn of this network namespace"

_REFUSALS = {
    Rule.BAD_DESCRIPTOR: "the descriptor is not open",
    Rule.NOT_A_SOCKET: "the descriptor is not a socket",
    Rule.SECURITY_REFUSED: "refused by a security module",
    Rule.NOT_SUPPORTED: "this kind of socket cannot listen",
    Rule.ULP_REFUSED: "the socket has an upper layer protocol (TLS) that cannot listen",
    Rule.FASTOPEN_NO_MEMORY: "no memory for the fast open queue",
    Rule.NO_MEMORY: "no memory for the table of requests",
    Rule.PORT_TAKEN: "another socket holds the port",
    Rule.NO_FREE_PORT: "not bound, and no ephemeral port is free",
    Rule.HASH_FAILED: "the SO_REUSEPORT group cannot take another listener",
    Rule.UNIX_UNBOUND: "an AF_UNIX socket needs bind() first",
    Rule.UNIX_WRONG_STATE: "the socket is connected",
    Rule.VSOCK_UNBOUND: "an AF_VSOCK socket needs bind() first",
    Rule.SCTP_NEGATIVE: "a negative backlog, which SCTP does not take",
    Rule.SCTP_NOT_LISTENING: "backlog 0 ends listening in SCTP, and the socket does not listen",
    Rule.SCTP_PORT_TAKEN: "another socket holds the port",
    Rule.SCTP_NO_FREE_PORT: "not bound, and no port is free",
    Rule.SCTP_HASH_FAILED: "the SO_REUSEPORT group cannot take another listener",
}

_AUTOBINDS = (Rule.AUTOBINDS, Rule.SCTP_AUTOBINDS)
_RELISTENS = (Rule.RELISTENS, Rule.UNIX_RELISTENS, Rule.VSOCK_RELISTENS, Rule.SCTP_RELISTENS)

_SLIPS = {
    Rule.UNIX_WRONG_STATE_IGNORED: (
        "returned 0 on a connected socket and did nothing: a known slip of kernels 6.16 to 6.19"
    ),
    Rule.PORT_FAILURE_LOST: (
        "returned 0 although another socket holds the port, and does not listen: "
        "a known slip of stable kernels of early 2023"
    ),
    Rule.HASH_ERROR_LOST: (
        "returned 0 although hashing failed, so no connection finds it: "
        "a known slip of kernels 4.6 to 4.8 over IPv6"
    ),
}


def explain(call: ListenCall, outcome: Outcome) -> str:
    """One line: the numbers and what decided them, or why the call was refused."""
    if outcome.result:
        return f"{errno_text(outcome.result)}: {_refusal(call, outcome)}"
    if outcome.rule in _SLIPS:
        return _SLIPS[outcome.rule]
    if outcome.rule is Rule.SCTP_STOPS:
        return "backlog 0 ended the listening, as SCTP has it"
    sock = outcome.subflow or outcome.socket
    stored = sock.max_ack_backlog if sock else 0
    text = f"asked {call.backlog}, stored {stored}{_number(call, outcome, stored)}"
    if outcome.rule is Rule.AUTOBINDS:
        text += "; not bound, so the kernel chose a port"
    elif outcome.rule in _RELISTENS:
        text += f"; was listening already, limit was {_old_limit(call)}"
    return text


def _number(call: ListenCall, outcome: Outcome, stored: int) -> str:
    match outcome.backlog_rule:
        case BacklogRule.CLAMPED:
            why = _CLAMP
        case BacklogRule.NEGATIVE:
            why = f"a negative number counts as huge, {_CLAMP}"
        case BacklogRule.ZERO:
            why = "0 is kept: one connection may wait"
        case BacklogRule.NOT_CLAMPED:
            why = "a listener of the kernel itself, which somaxconn does not clamp"
        case _:
            why = ""
    if outcome.backlog_rule is BacklogRule.KEPT and stored != call.backlog:
        why = "the field holds 16 bits only"
    return f": {why}" if why else ""


def _old_limit(call: ListenCall) -> int:
    return call.pre.subflow_max_ack_backlog if call.pre.subflow_state else call.pre.max_ack_backlog


def _refusal(call: ListenCall, outcome: Outcome) -> str:
    if outcome.rule is Rule.WRONG_SOCKET_STATE:
        number = call.pre.socket_state
        return f"the socket is {_SOCKET_STATES.get(number, f'in socket state {number}')}"
    if outcome.rule is Rule.WRONG_STATE:
        return f"the socket is in state {_STATES.get(call.pre.state, call.pre.state)}"
    return _REFUSALS[outcome.rule]


_STATES = {int(state): state.name for state in TcpState}
_SOCKET_STATES = {int(state): state.name.lower() for state in SocketState} | {0: "not in use"}


def errno_text(result: int) -> str:
    """``0``, or the name of an errno as the call's result carries it: ``EADDRINUSE``."""
    if result >= 0:
        return str(result)
    if -result == errno.EOPNOTSUPP:  # the same number as ENOTSUP, which no kernel source says
        return "EOPNOTSUPP"
    return errno.errorcode.get(-result, str(result))


def brief(call: ListenCall, outcome: Outcome | None) -> str:
    """The same in a few words, for a line whose columns already hold the numbers."""
    if outcome is None:
        return ""
    if outcome.result:
        return _refusal(call, outcome)
    words = [_BRIEF_NUMBERS.get(outcome.backlog_rule, "")]
    if outcome.rule in _BRIEF_SLIPS:
        words = [_BRIEF_SLIPS[outcome.rule]]
    elif outcome.rule in _AUTOBINDS:
        words.append("port chosen by the kernel")
    elif outcome.rule in _RELISTENS:
        words.append(f"listened already, limit was {_old_limit(call)}")
    return "; ".join(word for word in words if word)


_BRIEF_SLIPS = {
    Rule.UNIX_WRONG_STATE_IGNORED: "connected: nothing was done (a slip of 6.16 to 6.19)",
    Rule.PORT_FAILURE_LOST: "port taken, not listening (a slip of early 2023)",
    Rule.HASH_ERROR_LOST: "not hashed, not reachable (a slip of 4.6 to 4.8)",
}
_BRIEF_NUMBERS = {
    BacklogRule.KEPT: "as asked",
    BacklogRule.ZERO: "0: one connection may wait",
    BacklogRule.CLAMPED: "clamped by somaxconn",
    BacklogRule.NEGATIVE: "negative counts as huge: clamped by somaxconn",
    BacklogRule.NOT_CLAMPED: "kernel listener: not clamped",
    BacklogRule.SOMAXCONN_NEGATIVE: "somaxconn is negative: not clamped",
}
