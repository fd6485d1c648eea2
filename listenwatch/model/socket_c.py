"""net/socket.c: from the descriptor to the protocol, with the clamp by somaxconn."""

from __future__ import annotations

from errno import EACCES, EBADF, ENOTSOCK, EOPNOTSUPP, EPERM

from listenwatch.model.af_inet import inet_listen
from listenwatch.model.af_unix import unix_listen
from listenwatch.model.families import NO_LISTEN, VSOCK, unmodelled
from listenwatch.model.inputs import Door, Family, Protocol, SocketType, Ulp
from listenwatch.model.mptcp import mptcp_listen, subflow_listen
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.sctp import sctp_inet_listen
from listenwatch.model.stages import StageIndex
from listenwatch.model.variants import NO_MPTCP
from listenwatch.model.vsock import vsock_listen


class Unmodelled(Exception):
    """The model does not describe this kind of socket; the message says which and why."""


def sys_listen(run: Run, sk: Sock) -> int:
    """The call from its door down: ``__sys_listen()`` and ``__sys_listen_socket()``, or for the
    kernel's own listeners ``kernel_listen()``. Returns 0 or -errno.
    """
    if run.request.door == Door.KERNEL:
        run.backlog_rule = BacklogRule.NOT_CLAMPED
        return kernel_listen(run, sk, run.request.backlog)
    if not run.request.is_file:
        return run.end(Rule.BAD_DESCRIPTOR, -EBADF)
    if not run.request.is_socket:
        return run.end(Rule.NOT_A_SOCKET, -ENOTSOCK)
    backlog = clamp(run)
    run.step(run.behaviour.sys_listen, _clamp_text(run, backlog), sk)
    run.see(StageIndex.SECURITY, sk, backlog)
    refusal = run.choose(run.knowledge.refusal, 0, -EACCES, -EPERM)
    run.see(StageIndex.SECURITY_RETURN, sk, refusal)
    run.step("security_socket_listen", "refuses" if refusal else "allows", sk)
    if refusal:
        return run.end(Rule.SECURITY_REFUSED, refusal)
    return ops_listen(run, sk, backlog)


def kernel_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``kernel_listen()``: straight to the protocol.

    A socket under the upper layer protocol "mptcp", the one that can be cloned, is a subflow the
    MPTCP path manager listens on.
    """
    if run.pre.ulp == Ulp.CLONES:
        return subflow_listen(run, sk, backlog)
    return ops_listen(run, sk, backlog)


def clamp(run: Run) -> int:
    """``if ((unsigned int)backlog > somaxconn) backlog = somaxconn;``, where C compares both as unsigned."""
    backlog, somaxconn = run.request.backlog, run.environment.somaxconn
    if as_unsigned_int(backlog) > as_unsigned_int(somaxconn):
        run.backlog_rule = BacklogRule.NEGATIVE if backlog < 0 else BacklogRule.CLAMPED
        return somaxconn
    if somaxconn < 0:
        run.backlog_rule = BacklogRule.SOMAXCONN_NEGATIVE
    else:
        run.backlog_rule = BacklogRule.KEPT if backlog else BacklogRule.ZERO
    return backlog


def _clamp_text(run: Run, backlog: int) -> str:
    if backlog == run.request.backlog:
        return f"backlog {backlog} is kept, somaxconn is {run.environment.somaxconn}"
    return f"backlog {run.request.backlog} is clamped to somaxconn, {backlog}"


def as_unsigned_int(number: int) -> int:
    """A C int converted to unsigned int: 32 bits, two's complement."""
    return number & 0xFFFF_FFFF


def ops_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``sock->ops->listen``: the function of this family, type and protocol."""
    pre = run.pre
    if pre.family in (Family.INET, Family.INET6):
        if pre.type == SocketType.STREAM and pre.protocol == Protocol.TCP:
            return inet_listen(run, sk, backlog)
        if pre.type == SocketType.STREAM and pre.protocol == Protocol.MPTCP:
            if run.behaviour.mptcp_enters == NO_MPTCP:
                raise Unmodelled("no MPTCP before v5.6: socket() answers EPROTONOSUPPORT")
            return mptcp_listen(run, sk, backlog)
        if pre.protocol == Protocol.SCTP and pre.type in (SocketType.STREAM, SocketType.SEQPACKET):
            return sctp_inet_listen(run, sk, backlog)
        if pre.type in (SocketType.DGRAM, SocketType.RAW):
            return sock_no_listen(run)
    elif pre.family == Family.UNIX:
        if pre.type in (SocketType.STREAM, SocketType.SEQPACKET):
            return unix_listen(run, sk, backlog)
        return sock_no_listen(run)
    elif pre.family == VSOCK:
        return vsock_listen(run, sk, backlog)
    elif pre.family in NO_LISTEN:
        return sock_no_listen(run)
    raise Unmodelled(unmodelled(pre.family, pre.type, pre.protocol))


def sock_no_listen(run: Run) -> int:
    """``sock_no_listen()``, net/core/sock.c."""
    return run.end(Rule.NOT_SUPPORTED, -EOPNOTSUPP)
