"""Where a behaviour stands in the history of the kernel: the nearest era, and what is not of its own series."""

from collections.abc import Sequence
from typing import NamedTuple

from listenwatch.conformance.identify.findings import Finding
from listenwatch.model.history import Version
from listenwatch.model.kernels import ERAS, mainline


class Nearest(NamedTuple):
    """The eras, by the release each begins with, that differ in the fewest decided ``fields``, and in which."""

    eras: tuple[Version, ...]
    fields: tuple[str, ...]


class Backport(NamedTuple):
    """A field that is not as the kernel's own mainline release has it; ``known`` if the model expects it there."""

    finding: Finding
    mainline: object
    known: bool


def nearest(found_out: Sequence[Finding]) -> Nearest:
    """The eras that differ least from what was decided; what was not built says nothing of the era."""
    decided = {
        finding.field: finding.value for finding in found_out if finding.value is not None and not finding.not_built
    }
    differing = {
        first: tuple(field for field, value in decided.items() if getattr(era, field) != value) for first, era in ERAS
    }
    least = min(map(len, differing.values()))
    eras = tuple(first for first, fields in differing.items() if len(fields) == least)
    return Nearest(eras, differing[eras[-1]])


def backports(found_out: Sequence[Finding], version: Version) -> list[Backport]:
    """What was decided and is not as mainline's release of that version has it."""
    base = mainline(version)
    return [
        Backport(finding, getattr(base, finding.field), finding.value == finding.release)
        for finding in found_out
        if finding.value not in (None, getattr(base, finding.field)) and not finding.not_built
    ]
