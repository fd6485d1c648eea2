"""Which documented behaviour a kernel has: the whole answer, from its calls and then from what it says of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.identify.cases import Case, distinct
from listenwatch.conformance.identify.eras import Backport, Nearest, backports, nearest
from listenwatch.conformance.identify.findings import Finding, combined, findings
from listenwatch.conformance.identify.narrow import narrow
from listenwatch.conformance.identify.settle import settle
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import Behaviour


@dataclass(frozen=True)
class Identified:
    """What is known of each field, and each call that no behaviour explains, by its scenario.

    ``cases`` were made, calls and what traffic did after them; ``different`` of them are.
    """

    kernel: Kernel
    findings: tuple[Finding, ...]
    disagreeing: tuple[tuple[str, Judged], ...]
    cases: int
    different: int

    @property
    def contradicted(self) -> list[Finding]:
        """Fields of which the kernel's names show what its calls exclude."""
        return [finding for finding in self.findings if finding.contradicted]

    @property
    def matches(self) -> bool:
        """Whether some documented behaviour explains everything."""
        return bool(self.cases) and not self.disagreeing and not self.contradicted

    @cached_property
    def behaviour(self) -> Behaviour:
        """The behaviour, with what is undecided unknown."""
        return combined(self.findings)

    @cached_property
    def nearest(self) -> Nearest:
        """The eras that are nearest to it."""
        return nearest(self.findings)

    @cached_property
    def backports(self) -> list[Backport]:
        """What is not as in mainline's release of the kernel's own number."""
        return backports(self.findings, self.kernel.version)

    @property
    def wrong_by_release(self) -> list[Finding]:
        """Fields that the release number alone would have told wrong."""
        return [finding for finding in self.findings if finding.wrong_by_release]


def identify(cases: Sequence[Case], kernel: Kernel) -> Identified:
    """The answer from these calls; of the kernel its names and release are put beside it, and decide nothing the calls do."""
    different = distinct(cases)
    narrowed = narrow(different)
    settled = settle(different, narrowed)
    found_out = findings(narrowed, settled, kernel)
    return Identified(kernel, tuple(found_out), settled.disagreeing, len(cases), len(different))
