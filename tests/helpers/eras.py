"""The eras the tests speak of, by the release each begins with."""

from __future__ import annotations

from listenwatch.model.behaviour import NEWEST
from listenwatch.model.kernels import mainline

LINUX_2_6_14 = mainline((2, 6, 14))
LINUX_2_6_20 = mainline((2, 6, 20))
LINUX_3_2 = mainline((3, 2, 0))
LINUX_3_8 = mainline((3, 8, 0))
LINUX_4_1 = mainline((4, 1, 0))
LINUX_4_4 = mainline((4, 4, 0))
LINUX_4_6 = mainline((4, 6, 0))
LINUX_4_9 = mainline((4, 9, 0))
LINUX_4_10 = mainline((4, 10, 0))
LINUX_4_17 = mainline((4, 17, 0))
LINUX_4_19 = mainline((4, 19, 0))
LINUX_5_6 = mainline((5, 6, 0))
LINUX_5_10 = mainline((5, 10, 0))
LINUX_6_6 = mainline((6, 6, 0))
LINUX_7_3 = NEWEST
