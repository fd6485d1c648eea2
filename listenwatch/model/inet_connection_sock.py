"""net/ipv4/inet_connection_sock.c: the first listen, from CLOSE to LISTEN."""

from errno import EADDRINUSE, EINVAL, ENOMEM

from listenwatch.model.inet_hashtables import inet_hash
from listenwatch.model.inputs import TcpState, Ulp
from listenwatch.model.request_sock import TCP_SYNQ_HSIZE
from listenwatch.model.request_sock import reqsk_queue_alloc as size_of
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action
from listenwatch.model.variants import StartArgument, Stored


def inet_csk_listen_start(run: Run, sk: Sock, backlog: int) -> int:
    """``inet_csk_listen_start()``. The socket is LISTEN before its port is known to be free."""
    run.see(StageIndex.LISTEN_START, sk, None)
    match run.names.listen_start_argument:
        case StartArgument.TCP_SYNQ_HSIZE:
            run.step(run.names.listen_start, Action.IS_GIVEN_TABLE_SIZE, sk, TCP_SYNQ_HSIZE)
        case StartArgument.BACKLOG:
            run.step(run.names.listen_start, Action.IS_GIVEN, sk, backlog)
        case StartArgument.NONE:
            run.step(run.names.listen_start, Action.IS_GIVEN_SOCKET_ONLY, sk)
    result = _listen_start(run, sk, backlog)
    run.see(StageIndex.LISTEN_START_RETURN, sk, result)
    return result


def _listen_start(run: Run, sk: Sock, backlog: int) -> int:
    if not inet_ulp_can_listen(run):
        return run.end(Rule.ULP_REFUSED, -EINVAL)
    if not reqsk_queue_alloc(run, sk, backlog):
        return run.end(Rule.NO_MEMORY, -ENOMEM)
    if run.behaviour.stored is Stored.INSIDE_LISTEN_START:
        run.store_backlog(sk, backlog)
    elif run.behaviour.stored is Stored.AFTER_LISTEN_START:
        sk.max_ack_backlog = 0
    sk.ack_backlog = 0
    run.step(run.names.listen_start, Action.EMPTIES_QUEUE, sk, run.behaviour.stored)
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
        run.step("__reqsk_queue_destroy", Action.FREES_TABLE, sk)
    return error


def inet_ulp_can_listen(run: Run) -> bool:
    """``inet_ulp_can_listen()``: a protocol on top that cannot be cloned cannot listen."""
    if run.pre.ulp != Ulp.NO_CLONE:
        return True
    return not run.behaviour.ulp_without_clone_refused


def reqsk_queue_alloc(run: Run, sk: Sock, backlog: int) -> bool:
    """``reqsk_queue_alloc()``: a table of requests until v4.3, whose memory may be lacking."""
    table = size_of(backlog, run.environment.max_syn_backlog, run.behaviour)
    if table is None:
        return True
    if not run.choose(run.knowledge.memory, True, False):
        return False
    sk.table = table
    run.step("reqsk_queue_alloc", Action.ALLOCATES_TABLE, sk, *table)
    return True


def inet_sk_state_store(run: Run, sk: Sock, stage: StageIndex, state: TcpState, caller: str = "") -> None:
    """``inet_sk_state_store()`` in ``caller``, by default TCP's first listen: the tracepoint fires before the new state is written."""
    if run.behaviour.state_tracepoint:
        run.see(stage, sk, sk.state, sk.ack_backlog)
    sk.state = state
    action = Action.SETS_TRACED_STATE if run.behaviour.state_tracepoint else Action.SETS_STATE
    run.step(caller or run.names.listen_start, action, sk, state)


def get_port(run: Run, sk: Sock) -> bool:
    """``get_port(sk, inet->inet_num)``: keeps the port, or finds one; both answers, unless it is known which."""
    if not run.choose(run.knowledge.port_free, True, False):
        run.rule = Rule.PORT_TAKEN if sk.bound else Rule.NO_FREE_PORT
        run.step("get_port", Action.FINDS_CONFLICT, sk)
        return False
    run.rule = Rule.LISTENS if sk.bound else Rule.AUTOBINDS
    run.step("get_port", Action.KEEPS_PORT if sk.bound else Action.CHOOSES_PORT, sk)
    if not sk.bound:
        sk.bound, sk.local_port = True, None
    run.step(run.names.listen_start, Action.SETS_SOURCE_PORT, sk)
    return True


def errno_of_get_port(run: Run) -> int:
    """What a failing get_port() makes of listen(): its own errno since v6.2, else EADDRINUSE; by a defect 0."""
    if run.behaviour.port_failure_returns_0:
        return run.end(Rule.PORT_FAILURE_LOST, 0)
    error = run.knowledge.port_errno
    if error != EADDRINUSE and run.behaviour.get_port_errno_passed_on:
        return -error
    return -EADDRINUSE
