"""All scenarios, and choosing among them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from listenwatch.errors import UsageError
from listenwatch.scenarios import (
    clamp,
    devices,
    doors,
    dual,
    families,
    groups,
    life,
    port,
    port_life,
    refuse,
    relisten,
    state,
    threads,
    unix,
    unspec,
)
from listenwatch.scenarios.queues import accept_queue, changes, overflow, syn_queue
from listenwatch.scenarios.registry import Scenario, registered

_LISTEN = (clamp, relisten, port, state, unix, refuse, doors, threads)
_LIFE = (life, port_life, unspec, groups, devices, dual, families)
_QUEUES = (accept_queue, syn_queue, overflow, changes)
FILES = (*_LISTEN, *_LIFE, *_QUEUES)
"""The scenario files in the order they run; importing one registers its scenarios."""

_ORDER = [file.__name__.rpartition(".")[2] for file in FILES]


def all_scenarios() -> tuple[Scenario, ...]:
    """Every scenario, in the order they run."""
    return tuple(sorted(registered(), key=lambda scenario: _ORDER.index(scenario.file)))


def choose(pattern: str | None = None) -> tuple[Scenario, ...]:
    """The scenarios whose name contains ``pattern``, or matches it if it has wildcards; all without one.

    UsageError if there is none.
    """
    if pattern is None:
        return all_scenarios()
    wild = any(character in pattern for character in "*?[")
    chosen = tuple(
        s for s in all_scenarios() if (fnmatchcase(s.name, pattern) if wild else pattern in s.name)
    )
    if not chosen:
        raise UsageError(f"no scenario matches '{pattern}': 'listenwatch verify --list' shows all")
    return chosen
