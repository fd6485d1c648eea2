"""All scenarios, and choosing among them."""

from listenwatch.conformance.harness.registry import Scenario, registered
from listenwatch.errors import UsageError, did_you_mean
from listenwatch.linux.processes import name_matches

# isort: off
from listenwatch.conformance.cases import (
    accept_queue, clamp, devices, dual, entry_paths, families, groups, life, port, port_life, queue_changes,
    queue_overflow, refuse, relisten, state, syn_queue, threads, unix, unspec,
)  # fmt: skip
# isort: on

_LISTEN = (clamp, relisten, port, state, unix, refuse, entry_paths, threads)
_LIFE = (life, port_life, unspec, groups, devices, dual, families)
_QUEUES = (accept_queue, syn_queue, queue_overflow, queue_changes)
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
    chosen = tuple(scenario for scenario in all_scenarios() if name_matches(scenario.name, pattern))
    if not chosen:
        near = did_you_mean(pattern, (scenario.name for scenario in all_scenarios()))
        question = near or ": 'listenwatch verify --list' shows all"
        raise UsageError(f"no scenario matches '{pattern}'{question}")
    return chosen
