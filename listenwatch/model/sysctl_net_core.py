"""net/core/sysctl_net_core.c: which numbers net.core.somaxconn can hold, and whose they are."""

from errno import EINVAL

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.variants import SomaxconnRange

INT_MAX = 2**31 - 1
_ALLOWED = {
    SomaxconnRange.ANY_INT: range(-INT_MAX - 1, INT_MAX + 1),
    SomaxconnRange.UNSIGNED_SHORT: range(0x1_0000),
    SomaxconnRange.NON_NEGATIVE: range(INT_MAX + 1),
}


def write_somaxconn(value: int, behaviour: Behaviour) -> int:
    """What writing ``value`` to /proc/sys/net/core/somaxconn returns: 0, or -EINVAL."""
    return 0 if value in _ALLOWED[behaviour.somaxconn_range] else -EINVAL


def somaxconn_of_new_netns(initial: int, behaviour: Behaviour) -> int:
    """somaxconn as a new network namespace sees it, where the initial one's is ``initial``."""
    return behaviour.somaxconn_default if behaviour.somaxconn_per_netns else initial
