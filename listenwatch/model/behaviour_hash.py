"""What changed of hashing a listener: net/ipv4/inet_hashtables.c, net/ipv6/inet6_hashtables.c."""

from dataclasses import dataclass

from listenwatch.model.history import Commit, Evidence, Kind, declare
from listenwatch.model.variants import HashError, InnerHash, ListenerTables


@dataclass(frozen=True, init=False, repr=False, eq=False)  # what is needed is made of Behaviour alone
class HashFields:
    """The fields of Behaviour that say how a listener becomes reachable."""

    hash_error: HashError = declare(
        """What becomes of an error of .hash, which only joining a reuseport group can yield. .hash
        returned void until v4.5; ``inet6_hash()`` returned 0 whatever happened until v4.8, leaving a
        listener nobody can reach. From source of v4.5 and v4.6, v4.8 and v4.9
        (net/ipv6/inet6_hashtables.c).""",
        {"2.6.12": HashError.CANNOT_FAIL, "4.6": HashError.LOST_OVER_IPV6, "4.9": HashError.PASSED_ON},
    )
    ipv4_hash: str = declare(
        """The .hash of TCP over IPv4: ``tcp_v4_hash``, ``inet_hash`` since v2.6.25. From
        source of v2.6.24 and v2.6.25 (net/ipv4/tcp_ipv4.c).""",
        {"2.6.12": "tcp_v4_hash", "2.6.25": "inet_hash"},
    )
    ipv6_hash: str = declare(
        """The .hash of TCP over IPv6, as the hash stage shows. ``tcp_v6_hash`` until v4.0,
        ``inet_hash`` from v4.1, ``inet6_hash`` from v4.6 until {0}, ``inet_hash`` since.""",
        {"2.6.12": "tcp_v6_hash", "4.1": "inet_hash", "4.6": "inet6_hash", "6.18": "inet_hash"},
        evidence=(Evidence("inet6_hash", "inet6_hash", "inet_hash"),),
        commits=(Commit("0ac44301e3bf", "tcp: Remove inet6_hash().", "v6.18"),),
    )
    inner_hash: InnerHash = declare(
        """Whether ``__inet_hash()`` is a function a probe can find below .hash. A header inline until
        v2.6.24, static from v2.6.25, global from v4.1 (from source of each,
        net/ipv4/inet_hashtables.c), gone since {0}.""",
        {
            "2.6.12": InnerHash.INLINE, "2.6.25": InnerHash.STATIC, "4.1": InnerHash.GLOBAL,
            "6.18": InnerHash.GONE,
        },
        evidence=(Evidence("__inet_hash", InnerHash.GLOBAL, InnerHash.GONE),),
        commits=(Commit("6445bb832dc0", "", "v6.18"),),
    )
    listener_tables: ListenerTables = declare(
        """The hash tables a listener is put into: by port, from v4.16 by address too. By port no longer
        since {0}.""",
        {
            "2.6.12": ListenerTables.PORT, "4.16": ListenerTables.PORT_AND_ADDRESS,
            "5.19": ListenerTables.ADDRESS,
        },
        evidence=(
            Evidence("listening_hash", ListenerTables.PORT_AND_ADDRESS, ListenerTables.ADDRESS, Kind.MEMBER),
        ),
        commits=(Commit("cae3873c5b3a", "net: inet: Retire port only listening_hash", "v5.19"),),
    )
    wakes_lhash_wait: bool = declare(
        """Hashing over IPv4 wakes those who wait for the one lock of all listeners. Until {0}, which
        gave each bucket a lock.""",
        {"2.6.12": True, "2.6.29": False},
        commits=(Commit("5caea4ea7088", "net: listening_hash get a spinlock per bucket", "v2.6.29"),),
    )
