"""Every era of listen() from v2.6.12 on, each made from the one after it; and which era a version has."""

from __future__ import annotations

from listenwatch.model.backports import BACKPORTS, MAINLINE, Version
from listenwatch.model.behaviour import LINUX_7_3, Behaviour, Stored
from listenwatch.model.variants import (
    NO_MPTCP,
    FastOpen,
    HashError,
    InnerHash,
    ListenerTables,
    SomaxconnRange,
    StartArgument,
    SynQueue,
)

LINUX_7_2 = LINUX_7_3
LINUX_6_18 = LINUX_7_2._replace(unix_wrong_state_listens=True)
LINUX_6_16 = LINUX_6_18._replace(ipv6_hash="inet6_hash", inner_hash=InnerHash.GLOBAL)
LINUX_6_13 = LINUX_6_16._replace(unix_wrong_state_listens=False)
LINUX_6_11 = LINUX_6_13._replace(syn_queue_full_above_limit=False)
LINUX_6_6 = LINUX_6_11._replace(sys_listen="__sys_listen")
LINUX_6_5 = LINUX_6_6._replace(mptcp_enters="inet_listen")
LINUX_6_2 = LINUX_6_5._replace(mptcp_checks_socket_state=False)
LINUX_5_19 = LINUX_6_2._replace(ulp_without_clone_refused=False, get_port_errno_passed_on=False)
LINUX_5_17 = LINUX_5_19._replace(listener_tables=ListenerTables.PORT_AND_ADDRESS)
LINUX_5_6 = LINUX_5_17._replace(listen_start_argument=StartArgument.BACKLOG)
LINUX_5_10 = LINUX_5_6
LINUX_5_4 = LINUX_5_6._replace(mptcp_enters=NO_MPTCP)
LINUX_5_0 = LINUX_5_4._replace(somaxconn_default=128)
LINUX_4_19 = LINUX_5_0._replace(stored=Stored.INSIDE_LISTEN_START)
LINUX_4_17 = LINUX_4_19._replace(bpf_listen_callback=False)
LINUX_4_16 = LINUX_4_17._replace(sys_listen="sys_listen")
LINUX_4_10 = LINUX_4_16._replace(state_tracepoint=False, listener_tables=ListenerTables.PORT)
LINUX_4_9 = LINUX_4_10._replace(full_acceptq_drops_every_syn=False)
LINUX_4_6 = LINUX_4_9._replace(hash_error=HashError.LOST_OVER_IPV6, fastopen=FastOpen.TUNES_EITHER)
LINUX_4_4 = LINUX_4_6._replace(hash_error=HashError.CANNOT_FAIL, ipv6_hash="inet_hash")
LINUX_4_1 = LINUX_4_4._replace(
    stored=Stored.AFTER_LISTEN_START,
    syn_queue=SynQueue.TABLE_BY_BACKLOG,
    fastopen=FastOpen.ALLOCATES,
)
LINUX_3_12 = LINUX_4_1._replace(
    max_ack_backlog_bits=16,
    somaxconn_range=SomaxconnRange.UNSIGNED_SHORT,
    ipv6_hash="tcp_v6_hash",
    inner_hash=InnerHash.STATIC,
)
LINUX_3_11 = LINUX_3_12._replace(syncookies_2_is_always=False)
LINUX_3_8 = LINUX_3_11._replace(somaxconn_range=SomaxconnRange.ANY_INT)
LINUX_3_7 = LINUX_3_8._replace(syn_drops_counted=False)
LINUX_3_2 = LINUX_3_7._replace(fastopen=FastOpen.NONE)
LINUX_2_6_34 = LINUX_3_2._replace(syn_floods_counted=False)
LINUX_2_6_29 = LINUX_2_6_34._replace(syncookies_by_default=False)
LINUX_2_6_25 = LINUX_2_6_29._replace(wakes_lhash_wait=True)
LINUX_2_6_20 = LINUX_2_6_25._replace(
    somaxconn_per_netns=False, ipv4_hash="tcp_v4_hash", inner_hash=InnerHash.INLINE
)
LINUX_2_6_12 = LINUX_2_6_20._replace(
    syn_queue=SynQueue.TABLE_OF_512, listen_start_argument=StartArgument.TCP_SYNQ_HSIZE
)

ERAS: tuple[tuple[Version, Behaviour], ...] = (
    ((2, 6, 12), LINUX_2_6_12),
    ((2, 6, 20), LINUX_2_6_20),
    ((2, 6, 25), LINUX_2_6_25),
    ((2, 6, 29), LINUX_2_6_29),
    ((2, 6, 34), LINUX_2_6_34),
    ((3, 2, 0), LINUX_3_2),
    ((3, 7, 0), LINUX_3_7),
    ((3, 8, 0), LINUX_3_8),
    ((3, 11, 0), LINUX_3_11),
    ((3, 12, 0), LINUX_3_12),
    ((4, 1, 0), LINUX_4_1),
    ((4, 4, 0), LINUX_4_4),
    ((4, 6, 0), LINUX_4_6),
    ((4, 9, 0), LINUX_4_9),
    ((4, 10, 0), LINUX_4_10),
    ((4, 16, 0), LINUX_4_16),
    ((4, 17, 0), LINUX_4_17),
    ((4, 19, 0), LINUX_4_19),
    ((5, 0, 0), LINUX_5_0),
    ((5, 4, 0), LINUX_5_4),
    ((5, 6, 0), LINUX_5_6),
    ((5, 17, 0), LINUX_5_17),
    ((5, 19, 0), LINUX_5_19),
    ((6, 2, 0), LINUX_6_2),
    ((6, 5, 0), LINUX_6_5),
    ((6, 6, 0), LINUX_6_6),
    ((6, 11, 0), LINUX_6_11),
    ((6, 13, 0), LINUX_6_13),
    ((6, 16, 0), LINUX_6_16),
    ((6, 18, 0), LINUX_6_18),
    ((7, 2, 0), LINUX_7_2),
)
"""Each era with the mainline release it begins with, the oldest first.

A release nobody read (2.6.13, 2.6.15 to 17, 2.6.19, 2.6.25, 2.6.33, 3.0, 3.1, 3.7, 5.1, 5.5, 5.13, 5.16,
5.18, 6.7, 6.10, 6.15, 6.16, 7.0, 7.1) has the era of its neighbour.
"""


class NoEra(LookupError):
    """A kernel older than the oldest era."""


def mainline(version: Version) -> Behaviour:
    """The era a release begins in, as mainline had it. Raises ``NoEra`` before v2.6.12."""
    found = [era for first, era in ERAS if first <= version]
    if not found:
        raise NoEra(f"Linux {name(version)} is older than {name(ERAS[0][0])}")
    return found[-1]


def behaviour_for(version: Version) -> Behaviour:
    """The Behaviour of an upstream release: its era, and what its stable tree took from later ones."""
    taken = {backport.field: backport.value_in(version) for backport in BACKPORTS}
    fields = {field: value for field, value in taken.items() if value != MAINLINE}
    return Behaviour(**{**mainline(version)._asdict(), **fields})


def name(version: Version) -> str:
    """``2.6.20``, ``6.1``, ``6.1.192``: a patch level of 0 is left out from 3.0 on."""
    return ".".join(map(str, version[: 2 if version >= (3, 0, 0) and not version[2] else 3]))
