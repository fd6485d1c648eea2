"""net/socket.c: from the descriptor to the protocol, with the clamp by somaxconn."""

from errno import EACCES, EBADF, ENOTSOCK, EOPNOTSUPP, EPERM

from listenwatch.model.af_inet import inet_listen
from listenwatch.model.af_unix import unix_listen
from listenwatch.model.inputs import EntryPath, Family, Protocol, SocketType, Ulp
from listenwatch.model.mptcp import mptcp_listen, subflow_listen
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.sctp import sctp_inet_listen
from listenwatch.model.socket_h import VSOCK, Unmodelled, cannot_listen, not_modelled
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action
from listenwatch.model.variants import NO_MPTCP
from listenwatch.model.vsock import vsock_listen


def sys_listen(run: Run, sk: Sock) -> int:
    """``__sys_listen()`` and ``__sys_listen_socket()``, or the kernel's own ``kernel_listen()``: 0 or -errno."""
    if run.request.entry_path == EntryPath.KERNEL:
        run.backlog_rule = BacklogRule.NOT_CLAMPED
        return kernel_listen(run, sk, run.request.backlog)
    if not run.request.is_file:
        return run.end(Rule.BAD_DESCRIPTOR, -EBADF)
    if not run.request.is_socket:
        return run.end(Rule.NOT_A_SOCKET, -ENOTSOCK)
    backlog = clamp(run)
    if backlog == run.request.backlog:
        run.step(run.names.sys_listen, Action.KEEPS_BACKLOG, sk, backlog, run.environment.somaxconn)
    else:
        run.step(run.names.sys_listen, Action.CLAMPS_BACKLOG, sk, run.request.backlog, backlog)
    run.see(StageIndex.SECURITY, sk, backlog)
    refusal = run.choose(run.knowledge.refusal, 0, -EACCES, -EPERM)
    run.see(StageIndex.SECURITY_RETURN, sk, refusal)
    run.step("security_socket_listen", Action.REFUSES if refusal else Action.ALLOWS, sk)
    if refusal:
        return run.end(Rule.SECURITY_REFUSED, refusal)
    return ops_listen(run, sk, backlog)


def kernel_listen(run: Run, sk: Sock, backlog: int) -> int:
    """To the protocol; with the upper layer protocol "mptcp", the one that clones, a path manager's subflow."""
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


def as_unsigned_int(number: int) -> int:
    """A C int converted to unsigned int: 32 bits, two's complement."""
    return number & 0xFFFF_FFFF


def as_int(number: int) -> int:
    """A wider number, such as a register, converted to a C int: its low 32 bits, signed."""
    low = as_unsigned_int(number)
    return low - (1 << 32) if low >> 31 else low


def ops_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``sock->ops->listen``: the function of this family, type and protocol."""
    pre = run.pre
    if pre.family in (Family.INET, Family.INET6):
        if pre.type == SocketType.STREAM and pre.protocol == Protocol.TCP:
            return inet_listen(run, sk, backlog)
        if (
            pre.type == SocketType.STREAM
            and pre.protocol == Protocol.MPTCP
            and run.behaviour.mptcp_enters != NO_MPTCP
        ):
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
    elif cannot_listen(pre.family, pre.type, pre.protocol):
        return sock_no_listen(run)
    raise Unmodelled(not_modelled(pre.family, pre.type, pre.protocol))


def sock_no_listen(run: Run) -> int:
    """``sock_no_listen()``, net/core/sock.c."""
    return run.end(Rule.NOT_SUPPORTED, -EOPNOTSUPP)
