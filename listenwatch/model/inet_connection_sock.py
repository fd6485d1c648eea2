"""net/ipv4/inet_connection_sock.c: the first listen, from CLOSE to LISTEN."""

from __future__ import annotations

from errno import EADDRINUSE, EINVAL, ENOMEM

from listenwatch.model.behaviour import Stored
from listenwatch.model.inet_hashtables import inet_hash
from listenwatch.model.inputs import TcpState, Ulp
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex
from listenwatch.model.syn_queue import TCP_SYNQ_HSIZE
from listenwatch.model.syn_queue import reqsk_queue_alloc as size_of
from listenwatch.model.variants import StartArgument


def inet_csk_listen_start(run: Run, sk: Sock, backlog: int) -> int:
    """``inet_csk_listen_start()``. The socket is LISTEN before its port is known to be free."""
    run.see(StageIndex.LISTEN_START, sk, None)
    run.step("inet_csk_listen_start", _argument(run, backlog), sk)
    result = _listen_start(run, sk, backlog)
    run.see(StageIndex.LISTEN_START_RETURN, sk, result)
    return result


def _argument(run: Run, backlog: int) -> str:
    match run.behaviour.listen_start_argument:
        case StartArgument.TCP_SYNQ_HSIZE:
            return f"gets nr_table_entries {TCP_SYNQ_HSIZE} (TCP_SYNQ_HSIZE)"
        case StartArgument.BACKLOG:
            return f"gets {backlog}"
        case StartArgument.NONE:
            return "gets the socket only"


def _listen_start(run: Run, sk: Sock, backlog: int) -> int:
    if not inet_ulp_can_listen(run):
        return run.end(Rule.ULP_REFUSED, -EINVAL)
    if not reqsk_queue_alloc(run, sk, backlog):
        return run.end(Rule.NO_MEMORY, -ENOMEM)
    stored = ""
    if run.behaviour.stored is Stored.INSIDE_LISTEN_START:
        run.store_backlog(sk, backlog)
        stored = "stores the backlog as sk_max_ack_backlog, "
    elif run.behaviour.stored is Stored.AFTER_LISTEN_START:
        sk.max_ack_backlog = 0
        stored = "sk_max_ack_backlog = 0, "
    sk.ack_backlog = 0
    run.step("inet_csk_listen_start", f"{stored}sk_ack_backlog = 0, inet_csk_delack_init()", sk)
    inet_sk_state_store(run, sk, StageIndex.STATE_LISTEN, TcpState.LISTEN)
    if get_port(run, sk):
        error = inet_hash(run, sk)
        if not error:
            return 0
    else:
        error = errno_of_get_port(run)
    inet_sk_state_store(run, sk, StageIndex.STATE_CLOSE, TcpState.CLOSE)
    if sk.table:
        sk.table = None
        run.step("__reqsk_queue_destroy", "frees the table", sk)
    return error


def inet_ulp_can_listen(run: Run) -> bool:
    """``inet_ulp_can_listen()``: a protocol on top that cannot be cloned cannot listen."""
    if run.pre.ulp != Ulp.NO_CLONE:
        return True
    return not run.choose(run.behaviour.ulp_without_clone_refused, True, False)


def reqsk_queue_alloc(run: Run, sk: Sock, backlog: int) -> bool:
    """``reqsk_queue_alloc()``: a table of requests until v4.3, whose memory may be lacking."""
    table = size_of(backlog, run.environment.max_syn_backlog, run.behaviour)
    if table is None:
        return True
    if not run.choose(run.knowledge.memory, True, False):
        return False
    sk.table = table
    does = f"table of {table.nr_table_entries}, max_qlen_log {table.max_qlen_log}"
    run.step("reqsk_queue_alloc", does, sk)
    return True


def inet_sk_state_store(run: Run, sk: Sock, stage: StageIndex, state: TcpState) -> None:
    """``inet_sk_state_store()``: the tracepoint fires before the new state is written."""
    if run.behaviour.state_tracepoint:
        run.see(stage, sk, sk.state, sk.ack_backlog)
    sk.state = state
    fires = ", sock:inet_sock_set_state fires" if run.behaviour.state_tracepoint else ""
    run.step("inet_csk_listen_start", f"sk_state = {state.name}{fires}", sk)


def get_port(run: Run, sk: Sock) -> bool:
    """``!sk->sk_prot->get_port(sk, inet->inet_num)``: keeps the port, or finds one for an unbound socket.

    Whether it is free depends on every other socket of the namespace, so unless that is known both
    answers are outcomes.
    """
    if not run.choose(run.knowledge.port_free, True, False):
        run.rule = Rule.PORT_TAKEN if sk.bound else Rule.NO_FREE_PORT
        run.step("get_port", "fails", sk)
        return False
    run.rule = Rule.LISTENS if sk.bound else Rule.AUTOBINDS
    run.step("get_port", "keeps the port" if sk.bound else "chooses a port", sk)
    sk.bound = True
    run.step("inet_csk_listen_start", "inet_sport = htons(inet_num), sk_dst_reset()", sk)
    return True


def errno_of_get_port(run: Run) -> int:
    """What a failing get_port() makes of listen(): its own errno since v6.2, before EADDRINUSE always.

    And by the slip of stable trees, nothing: the call then returns 0.
    """
    if run.choose(run.behaviour.port_failure_returns_0, False, True):
        return run.end(Rule.PORT_FAILURE_LOST, 0)
    error = run.knowledge.port_errno
    if error != EADDRINUSE and run.choose(run.behaviour.get_port_errno_passed_on, True, False):
        return -error
    return -EADDRINUSE
