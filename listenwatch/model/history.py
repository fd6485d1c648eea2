"""How a field of Behaviour is declared: its value from release to release, and what shows it on a running kernel."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
Version = tuple[int, ...]
"""A release: three numbers, and of a stable release of 2.6 a fourth."""


class Commit(NamedTuple):
    """A change of Linux and the first mainline release with it; "" for a subject that is not at hand."""

    id: str
    subject: str
    release: str

    def __str__(self) -> str:
        subject = f' ("{self.subject}")' if self.subject else ""
        return f"Linux kernel commit {self.id}{subject} (in {self.release})"


class Kind(Enum):
    """What a name in the kernel's BTF is; /proc/kallsyms lists functions only."""

    FUNCTION = "function"
    MEMBER = "member of a structure"
    TYPE = "type"
    ENUMERATOR = "enumerator"
    SIGNATURE = "function with these parameters"


class Evidence(NamedTuple, Generic[T]):
    """A name that shows a field: ``present`` if the kernel has it, else ``absent``, where that is not None."""

    name: str
    present: T | None = None
    absent: T | None = None
    kind: Kind = Kind.FUNCTION


class Backport(NamedTuple, Generic[T]):
    """From this patch level on a stable series has the value; None where that is not known.

    ``is_first``: whether the release before is known to have another; else this is the first one read with it.
    """

    patch: int
    value: T | None
    is_first: bool


@dataclass(frozen=True)
class History(Generic[T]):
    """What is known of one field.

    ``meaning`` says what it is and what follows from it, with ``{0}`` where the first of ``commits``
    is cited. ``changes`` are its values with the mainline release each came with, the first at
    v2.6.12; a release nobody read has the value of its neighbour. ``stable`` has, by series and patch level,
    what stable trees took from later releases, None where that lies between two trees that were read.
    """

    meaning: str
    changes: tuple[tuple[Version, T], ...]
    stable: dict[Version, dict[int, T | None]]
    evidence: tuple[Evidence[T], ...]
    commits: tuple[Commit, ...]

    @property
    def values(self) -> tuple[T, ...]:
        """Every value it ever had, the newest first."""
        backported = [value for spans in self.stable.values() for value in spans.values()]
        newest_first = [value for _, value in reversed(self.changes)]
        return tuple(dict.fromkeys([*newest_first, *(v for v in backported if v is not None)]))

    def mainline(self, version: Version) -> T:
        """The value in the mainline release a version belongs to (v2.6.12 or later)."""
        return [value for first, value in self.changes if first <= version][-1]

    def released(self, version: Version) -> T | None:
        """The value in a mainline or stable release; None where it is not known."""
        series, patch = series_of(version)
        reached = [backport for backport in self.backports(series) if backport.patch <= patch]
        return reached[-1].value if reached else self.mainline(version)

    def backports(self, series: Version) -> list[Backport[T]]:
        """What the stable tree of a series took from later releases, in order."""
        spans = self.stable.get(series, {})
        before = [True, *(value is not None for value in spans.values())]
        return [Backport(patch, value, known) for (patch, value), known in zip(spans.items(), before, strict=False)]

    def changed_after(self, version: Version) -> bool:
        """Whether a later release, or a stable tree of this series or a later one, has another value."""
        later = any(first > version for first, _ in self.changes)
        return later or any(series >= series_of(version)[0] for series in self.stable)

    def shown(self, has: dict[str, bool]) -> tuple[T, str] | None:
        """The value a kernel shows with the names it has and has not, and the name; None if it shows none."""
        for name, present, absent, _ in self.evidence:
            if name in has:
                value = present if has[name] else absent
                if value is not None:
                    return value, name
        return None

    @property
    def text(self) -> str:
        """The meaning with its commits cited."""
        return self.meaning.format(*self.commits)


def declare(
    meaning: str, changes: dict[str, T], *, stable: dict[str, dict[int, T | None]] | None = None,
    evidence: tuple[Evidence[T], ...] = (), commits: tuple[Commit, ...] = (),
) -> T:
    """A field of a dataclass: its default is the newest value, its metadata the History. Releases: ``"5.4"``."""
    dated = tuple((version_of(release), value) for release, value in changes.items())
    spans = {tuple(map(int, series.split("."))): values for series, values in (stable or {}).items()}
    history = History(" ".join(meaning.split()), dated, spans, evidence, commits)
    return field(default=dated[-1][1], metadata={"history": history})


def version_of(release: str) -> Version:
    """``2.6.20`` and ``6.1`` as three numbers."""
    major, minor, patch = (*map(int, release.split(".")), 0)[:3]
    return major, minor, patch


def series_of(version: Version) -> tuple[Version, int]:
    """The series a release belongs to, (6, 1) or (2, 6, 32), and its patch level."""
    numbers = 2 if version >= (3, 0) else 3
    return version[:numbers], (*version, 0, 0)[numbers]
