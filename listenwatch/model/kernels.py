"""Which kernel behaves how: eras and releases, as the fields of Behaviour declare them, and vendors' kernels."""

from functools import lru_cache

from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.model.history import Version
from listenwatch.model.kernels_run import RUN, KernelRun

NEWEST_READ = (7, 3)
"""The newest series the model was read from."""


class NoEra(LookupError):
    """A kernel older than the oldest era."""


def mainline(version: Version) -> Behaviour:
    """The era a release begins in, as mainline had it. Raises ``NoEra`` before v2.6.12."""
    if version < STARTS[0]:
        raise NoEra(f"Linux {name(version)} is older than {name(STARTS[0])}")
    return Behaviour(**{field: history.mainline(version) for field, history in FIELDS.items()})


@lru_cache
def behaviour_for(version: Version) -> Behaviour:
    """The Behaviour of an upstream release: its era, and what its stable tree took from later ones."""
    return mainline(version).replace(
        **{field: history.released(version) for field, history in FIELDS.items()}
    )


def vendor_behaviour(version: Version) -> Behaviour:
    """The Behaviour of a vendor's kernel that began as ``version``: a field that changed later is not known."""
    base = mainline(version)
    later = [field for field, history in FIELDS.items() if history.changed_after(version)]
    return base.replace(**dict.fromkeys(later))


def name(version: Version) -> str:
    """``2.6.20``, ``2.6.32.69``, ``6.1``, ``6.1.192``: a patch level of 0 is left out."""
    return ".".join(map(str, version[: 2 if version >= (3, 0, 0) and not version[2] else 4]))


STARTS = sorted({first for history in FIELDS.values() for first, _ in history.changes})
ERAS = tuple((first, mainline(first)) for first in STARTS)
"""Each era with the mainline release it begins with, the oldest first: one for each release that changed a field."""


def runs_of(first: Version) -> list[KernelRun]:
    """The kernels of the era that begins with ``first`` that were run; none, if it was only read."""
    return [run for run in RUN if run.version >= STARTS[0] and era_start(run.version) == first]


def era_start(version: Version) -> Version:
    """The release with which the era of ``version`` begins."""
    return max(first for first in STARTS if first <= version)
