"""How kernels differ, as data: one field per observable change of the listen path.

Each field is declared once, in the ``behaviour_`` file of its part of the kernel: its meaning and
consequence, its value from release to release and in stable trees, the commits, and the names by
which a running kernel shows it (``history``). ``kernels`` makes the Behaviours of kernels from that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from listenwatch.model.behaviour_hash import HashFields
from listenwatch.model.behaviour_listen import ListenFields
from listenwatch.model.behaviour_queues import QueueFields
from listenwatch.model.history import History


@dataclass(frozen=True)
class Behaviour(HashFields, QueueFields, ListenFields):
    """One kernel's listen path; fields in ``unknown`` hold the likeliest value, others are tried (``choices``)."""

    unknown: frozenset[str] = frozenset()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """The hash, which every prediction needs, is worked out once."""
        values = (getattr(self, name) for name in FIELDS)
        object.__setattr__(self, "_hash", hash((*values, self.unknown)))

    def __hash__(self) -> int:
        return self._hash

    def replace(self, **changes: object) -> Behaviour:
        """With these fields changed; None makes one unknown."""
        unknown = self.unknown - changes.keys() | {name for name in changes if changes[name] is None}
        known: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
        now = {name: getattr(self, name) for name in FIELDS}
        return Behaviour(**{**now, **known}, unknown=frozenset(unknown))

    def values(self) -> dict[str, object]:
        """Every field's value, None where it is not known."""
        return {name: None if name in self.unknown else getattr(self, name) for name in FIELDS}


FIELDS: dict[str, History[Any]] = {
    declared.name: declared.metadata["history"]
    for declared in fields(Behaviour)
    if "history" in declared.metadata
}
"""What is known of each field, by its name."""

NEWEST = Behaviour()
"""The newest kernel the model was read from, v7.3."""


def unknown_fields(behaviour: Behaviour) -> list[str]:
    """The fields that are not known of a kernel, in their order: what a summary has to name."""
    return [name for name in FIELDS if name in behaviour.unknown]
