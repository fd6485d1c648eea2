"""What changed of listen() itself: net/socket.c, af_inet.c, inet_connection_sock.c, MPTCP and AF_UNIX."""

from dataclasses import dataclass

from listenwatch.model.history import Commit, Evidence, Kind, declare
from listenwatch.model.variants import NO_MPTCP, FastOpen, StartArgument, Stored

_NO_ULP = Commit(
    "2c02d41d71f9", "net/ulp: prevent ULP without clone op from entering the LISTEN status", "v6.2"
)


@dataclass(frozen=True, init=False, repr=False, eq=False)  # what is needed is made of Behaviour alone
class ListenFields:
    """The fields of Behaviour that the listen path decides by."""

    sys_listen: str = declare(
        """The function that clamps (net/socket.c): ``sys_listen``, from v4.17 ``__sys_listen``.
        From v6.11 ``__sys_listen_socket``, which io_uring calls too. From source of v4.16 and v4.17,
        v6.9 and v6.11.""",
        {"2.6.12": "sys_listen", "4.17": "__sys_listen", "6.11": "__sys_listen_socket"},
        evidence=(
            Evidence("__sys_listen_socket", "__sys_listen_socket"), Evidence("__sys_listen", "__sys_listen")
        ),
    )
    inet_listen_sk: str = declare(
        """The function that a TCP listen is decided in once ``sock->state`` was looked at: ``inet_listen``
        itself until v6.5, ``__inet_listen_sk`` from v6.6 (net/ipv4/af_inet.c). From source of both.""",
        {"2.6.12": "inet_listen", "6.6": "__inet_listen_sk"},
        evidence=(Evidence("__inet_listen_sk", "__inet_listen_sk", "inet_listen"),),
    )
    max_ack_backlog_bits: int = declare(
        """Width of sk_max_ack_backlog: a backlog beyond it wraps. 16 until {0}, which made it u32.
        Consequence before: listen(65536) with somaxconn above it stores 0.""",
        {"2.6.12": 16, "4.1": 32},
        commits=(Commit("becb74f0acca", "net: increase sk_[max_]ack_backlog", "v4.1"),),
    )
    stored: Stored = declare(
        """When the backlog is stored, visible at each stage and after a failed first listen. Up to
        v4.3 zeroed first and stored last; from v4.4, where SYNs no longer wait for the listener's
        lock, stored before it is hashed (from source of v4.3 and v4.4). {0} moved it before
        inet_csk_listen_start(). Since v4.4 a failed listen leaves the backlog behind, before 0.""",
        {
            "2.6.12": Stored.AFTER_LISTEN_START, "4.4": Stored.INSIDE_LISTEN_START,
            "5.0": Stored.BEFORE_LISTEN_START,
        },
        commits=(Commit("1295e2cf3065", "inet: minor optimization for backlog setting in listen(2)", "v5.0"),),
    )
    listen_start: str = declare(
        """The function of a first listen: ``tcp_listen_start`` (net/ipv4/tcp.c) until v2.6.13,
        ``inet_csk_listen_start`` (net/ipv4/inet_connection_sock.c) from v2.6.14. From source of both. v2.6.12
        makes the table in it, after the limit was set to 0; here it does so as v2.6.13 does.""",
        {"2.6.12": "tcp_listen_start", "2.6.14": "inet_csk_listen_start"},
    )
    listen_start_argument: StartArgument = declare(
        """What ``inet_csk_listen_start()`` gets in addition to the socket, in the second argument's register.
        Nothing until v2.6.13, the constant 512 until v2.6.19, the backlog from v2.6.20, unused since v5.0, gone
        in v5.17. From source of v2.6.13 and v2.6.14, v2.6.19 and v2.6.20, v5.15 and v5.17 (net/ipv4/inet_connection_sock.c).""",
        {
            "2.6.12": StartArgument.NONE, "2.6.14": StartArgument.TCP_SYNQ_HSIZE,
            "2.6.20": StartArgument.BACKLOG, "5.17": StartArgument.NONE,
        },
        evidence=(
            Evidence("inet_csk_listen_start(sk)", StartArgument.NONE, StartArgument.BACKLOG, Kind.SIGNATURE),
        ),
    )
    fastopen: FastOpen = declare(
        """What a first listen does if tcp_fastopen has 0x2 and a bit for listeners without socket
        option. No server side until v3.6; then a queue is allocated (ENOMEM is possible); from v4.4
        only its limit set; from v4.9 without the variant 0x800. From source of v3.6 and v3.8, v4.3 and
        v4.4, v4.8 and v4.9 (net/ipv4/af_inet.c). Done once: a later listen leaves the limit as it is.""",
        {
            "2.6.12": FastOpen.NONE, "3.7": FastOpen.ALLOCATES, "4.4": FastOpen.TUNES_EITHER,
            "4.9": FastOpen.TUNES,
        },
    )
    ulp_without_clone_refused: bool = declare(
        """listen() answers EINVAL on a socket with an upper layer protocol that cannot be cloned (TLS).
        {0}, and stable trees: 5.15.88 and 6.0.19 by their queue, 5.10.163 and 6.1.5 by their changelogs,
        4.14.303, 4.19.270 and 5.4.229 by the name of the regression it brought
        (``port_failure_returns_0``). Its function, inet_ulp_can_listen(), is folded into its caller, so no
        name shows it.""",
        {"2.6.12": False, "6.2": True},
        stable={
            "4.14": {303: True}, "4.19": {270: True}, "5.4": {229: True}, "5.10": {163: True},
            "5.15": {88: True}, "6.0": {19: True}, "6.1": {5: True},
        },
        commits=(_NO_ULP,),
    )
    state_tracepoint: bool = declare(
        """sock:inet_sock_set_state fires at CLOSE to LISTEN, and at the way back of a failed listen.
        From source of v4.15 and v4.16 (net/ipv4/inet_connection_sock.c).""",
        {"2.6.12": False, "4.16": True},
        evidence=(Evidence("btf_trace_inet_sock_set_state", True, kind=Kind.TYPE),),
    )
    get_port_errno_passed_on: bool = declare(
        """The errno of get_port() is listen()'s; before always EADDRINUSE. {0}, and 6.0.16 and 6.1.2 by
        the mails of their review; not in 5.10.262 (its instructions) and 5.15.135 (its source). TCP's own
        get_port only ever yields EADDRINUSE, so no TCP listen() shows it.""",
        {"2.6.12": False, "6.2": True},
        stable={"5.10": {263: None}, "5.15": {136: None}, "6.0": {16: True}, "6.1": {2: True}},
        commits=(Commit("7a7160edf1bf", "net: Return errno in sk->sk_prot->get_port().", "v6.2"),),
    )
    port_failure_returns_0: bool = declare(
        """listen() returns 0 although get_port() failed; the socket is back in CLOSE and never hashed.
        A defect of stable trees, whose backport of {0} dropped ``err = -EADDRINUSE``: 4.14.303, 4.19.270,
        5.4.229, 5.10.163 and 5.15.88, fixed by "tcp: Fix listen() regression in" those in 4.14.308,
        4.19.276, 5.4.235, 5.10.173 and 5.15.95. 6.0.19 and 6.1.5 had ``get_port_errno_passed_on`` before
        and lost nothing. Read in the mails; 4.14.303 and 5.4.229 were rebuilt and run.""",
        {"2.6.12": False},
        stable={
            "4.14": {303: True, 308: False}, "4.19": {270: True, 276: False}, "5.4": {229: True, 235: False},
            "5.10": {163: True, 173: False}, "5.15": {88: True, 95: False},
        },
        commits=(_NO_ULP,),
    )
    bpf_listen_callback: bool = declare(
        """After a first listen BPF_SOCK_OPS_TCP_LISTEN_CB runs in the sock_ops programs of the cgroup.
        From source of v4.18 and v4.19 (net/ipv4/af_inet.c).""",
        {"2.6.12": False, "4.19": True},
        evidence=(Evidence("BPF_SOCK_OPS_TCP_LISTEN_CB", True, kind=Kind.ENUMERATOR),),
    )
    mptcp_enters: str = declare(
        """Where an MPTCP listen reaches TCP: through ``inet_listen`` of the subflow's socket until v6.5,
        straight into ``__inet_listen_sk`` of the subflow since v6.6 (net/mptcp/protocol.c).""",
        {"2.6.12": NO_MPTCP, "5.6": "inet_listen", "6.6": "__inet_listen_sk"},
        evidence=(
            Evidence("mptcp_listen", absent=NO_MPTCP),
            Evidence("__inet_listen_sk", "__inet_listen_sk", "inet_listen"),
        ),
    )
    mptcp_checks_socket_state: bool = declare(
        """``mptcp_listen()`` answers EINVAL itself unless sock->state is SS_UNCONNECTED, before it makes
        a subflow. Left to the subflow's ``inet_listen()`` until {0} (net/mptcp/protocol.c), which 6.1.43
        and 6.4.5 have by their changelogs.""",
        {"2.6.12": False, "6.5": True},
        stable={"5.15": {136: None}, "6.1": {43: True}, "6.3": {13: None}, "6.4": {5: True}},
        commits=(Commit("0226436acf24", "mptcp: do not rely on implicit state check in mptcp_listen()", "v6.5"),),
    )
    unix_wrong_state_listens: bool = declare(
        """listen() on a bound AF_UNIX socket in a state other than CLOSE and LISTEN returns 0, doing
        nothing. A defect of v6.16: {0} overwrote the prepared -EINVAL in unix_listen(). Seen in 6.17.0,
        6.18.2 and 6.19.0, until {1}; stable trees: 6.18.44 and 7.1.8, by their logs.""",
        {"2.6.12": False, "6.16": True, "7.2": False},
        stable={"6.18": {44: False}, "7.0": {13: None}, "7.1": {8: False}},
        commits=(
            Commit("fd0a109a0f6b", "net, pidfs: prepare for handing out pidfds for reaped sk->sk_peer_pid", "v6.16"),
            Commit("f0d9c3ffc2b5", "af_unix: fix listen() succeeding on sockets in the wrong state", "v7.2"),
        ),
    )
