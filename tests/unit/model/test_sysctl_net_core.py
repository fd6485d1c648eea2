"""net.core.somaxconn: what it can hold, and what a new namespace gets."""

from __future__ import annotations

from errno import EINVAL

import pytest

from listenwatch.model.sysctl_net_core import somaxconn_of_new_netns, write_somaxconn
from listenwatch.model.variants import SomaxconnRange
from tests.helpers.eras import (
    LINUX_7_3,
)


@pytest.mark.parametrize(
    ("range_", "low", "high"),
    [
        (SomaxconnRange.ANY_INT, -(2**31), 2**31 - 1),
        (SomaxconnRange.UNSIGNED_SHORT, 0, 65535),
        (SomaxconnRange.NON_NEGATIVE, 0, 2**31 - 1),
    ],
)
def test_what_somaxconn_can_hold(range_: SomaxconnRange, low: int, high: int) -> None:
    behaviour = LINUX_7_3.replace(somaxconn_range=range_)
    results = [write_somaxconn(n, behaviour) for n in (low - 1, low, high, high + 1)]
    assert results == [-EINVAL, 0, 0, -EINVAL]


def test_a_new_namespace_has_the_default_or_what_all_have() -> None:
    assert somaxconn_of_new_netns(1000, LINUX_7_3) == 4096
    assert somaxconn_of_new_netns(1000, LINUX_7_3.replace(somaxconn_per_netns=False)) == 1000
