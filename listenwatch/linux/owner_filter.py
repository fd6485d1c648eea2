"""Which units and containers are wanted."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol

from listenwatch.linux.cgroup_owner import Container

SHORT_ID = 12
"""Digits of a container's id that are shown, and with which it can be asked for."""


class Owned(Protocol):
    """What has a unit and a container: an Owner, a call."""

    @property
    def unit(self) -> str | None: ...

    @property
    def container(self) -> Container | None: ...


class OwnerFilter(NamedTuple):
    """What is asked of an owner: one of the units and one of the containers; an empty collection asks for nothing.

    All may have the wildcards ``*``, ``?`` and ``[...]``. A unit is given by its whole name, or a service without
    the suffix; a container by its name, its id, or the first SHORT_ID digits or more of that.
    """

    units: Collection[str] = ()
    containers: Collection[str] = ()

    @property
    def is_given(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.units or self.containers)

    def matches(self, owner: Owned) -> bool:
        """Whether it passes."""
        return self._has_unit(owner.unit) and self._has_container(owner.container)

    def matches_any(self, owners: Iterable[Owned], unit: str | None = None) -> bool:
        """Whether one of them passes; ``unit`` is that of the socket itself, which counts for each."""
        return not self.is_given or any(
            self._has_container(owner.container) and (self._has_unit(owner.unit) or self._has_unit(unit))
            for owner in owners
        )

    def _has_unit(self, unit: str | None) -> bool:
        if not self.units:
            return True
        return unit is not None and any(
            fnmatchcase(unit, wanted) or fnmatchcase(unit, f"{wanted}.service") for wanted in self.units
        )

    def _has_container(self, container: Container | None) -> bool:
        if not self.containers:
            return True
        return container is not None and any(_is(container, wanted) for wanted in self.containers)


def _is(container: Container, wanted: str) -> bool:
    if len(wanted) >= SHORT_ID and container.id.startswith(wanted):
        return True
    return any(fnmatchcase(name, wanted) for name in (container.name, container.id) if name)
