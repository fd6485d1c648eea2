"""What ``rules --json`` prints: the rules, or with ``--eras`` the eras and the fields of Behaviour."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypedDict

from listenwatch.call.keys import Attach, Errno, Only, Release
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.gvisor_rules import GvisorBacklogRule, GvisorQueueRule, GvisorRule
from listenwatch.model.history import Commit, History, Version
from listenwatch.model.kernels import ERAS, name, runs_of
from listenwatch.model.kernels_run import SEEN
from listenwatch.model.queue_rules import QueueRule
from listenwatch.model.rules import BacklogRule, Cited, Rule
from listenwatch.report.behaviour import value_text

KINDS: dict[str, type[Cited]] = {"rule": Rule, "backlog_rule": BacklogRule, "queue_rule": QueueRule}
"""As the keys of other lines call them."""
GVISOR_KINDS: dict[str, type[Cited]] = {
    "rule": GvisorRule, "backlog_rule": GvisorBacklogRule, "queue_rule": GvisorQueueRule,
}  # fmt: skip
"""The same for gVisor."""


class SeenObject(TypedDict):
    """The newest kernel of a vector in which a rule applied."""

    release: Release
    machine: Annotated[str, "uname -m"]
    attach: Attach
    module: Annotated[str | None, "the kernel module that made the call end so; null: none had to"]


class RuleLine(TypedDict):
    """A rule of the model, of ``rules --json``."""

    schema: Literal["listenwatch/rule/2"]
    kind: Annotated[str, Only(of=tuple(KINDS)), "which key of other lines has its id; queue_rule: what the next connection meets"]
    id: str
    errno: Errno | None
    text: Annotated[str, "what the kernel does"]
    reason: Annotated[str | None, "what watch shows of it; null for nothing"]
    source: Annotated[str, "the place in the kernel source"]
    release: Annotated[Release | None, "whose source; null: the newest"]
    seen: Annotated[SeenObject | None, "where a call last ended by it; null: no vector shows it"]


class CommitObject(TypedDict):
    """A commit of Linux that changed a field of Behaviour."""

    id: str
    subject: str
    release: Annotated[str, "the first mainline release with it: v5.16"]


class EraCommit(CommitObject):
    """The same, with the field it changed."""

    field: str


class RunObject(TypedDict):
    """A kernel that was run, and whose recorded answers the model predicts."""

    release: Release
    machine: Annotated[str, "uname -m"]
    attach: Attach
    cases: Annotated[int, Only(1), "how many answers"]
    base: Annotated[Release | None, "the release it was reconstructed from; null: it was run as it is"]


class EraLine(TypedDict):
    """An era, of ``rules --eras --json``: a release in which a field of Behaviour changed."""

    schema: Literal["listenwatch/era/2"]
    era: Annotated[Release, "with which it began"]
    behaviour: Annotated[dict[str, str], "the values of the fields of Behaviour"]
    commits: list[EraCommit]
    run: Annotated[list[RunObject], "its kernels that were run; empty: it was only read in source"]


class ChangeObject(TypedDict):
    """A release with which a field has another value."""

    release: Release
    value: str


class BackportObject(ChangeObject):
    """The same in a stable tree."""

    seen: Annotated[bool, "no earlier release of the series was read with it"]


class FieldLine(TypedDict):
    """A field of Behaviour, of ``rules --eras --json``."""

    schema: Literal["listenwatch/behaviour-field/2"]
    field: str
    text: Annotated[str, "what it says"]
    commits: list[CommitObject]
    changes: list[ChangeObject]
    stable: list[BackportObject]


def split(rule: Cited) -> tuple[str, str]:
    """The errno a rule's text begins with, or nothing, and the rest."""
    errno, colon, rest = rule.text.partition(": ")
    return (errno, rest) if colon and errno.isupper() and errno.isalpha() else ("", rule.text)


def rule_lines(kinds: dict[str, type[Cited]] = KINDS) -> Iterator[str]:
    """Each rule as a line of JSON."""
    for kind, rules in kinds.items():
        for rule in rules:
            errno, text = split(rule)
            line: RuleLine = {
                "schema": "listenwatch/rule/2", "kind": kind, "id": rule.value, "errno": errno or None,
                "text": text, "reason": rule.reason or None, "source": rule.source, "release": rule.release or None,
                "seen": seen_object(rule),
            }  # fmt: skip
            yield json.dumps(line)


def seen_object(rule: Cited) -> SeenObject | None:
    """Where a call was last seen to end by this rule."""
    where = SEEN.get(rule.value) if isinstance(rule, Rule) else None
    if where is None:
        return None
    return {"release": name(where.version), "machine": where.machine, "attach": where.attach, "module": where.module or None}


def era_lines() -> Iterator[str]:
    """Each era with all its fields and the commits that began it, then each field with its documentation."""
    for first, era in ERAS:
        commits: list[EraCommit] = [
            {"field": field, **_commit(commit)}
            for field, history in FIELDS.items()
            for commit in history.commits
            if commit.release == f"v{name(first)}"
        ]
        fields = {field: value_text(value) for field, value in era.values().items()}
        line: EraLine = {"schema": "listenwatch/era/2", "era": name(first), "behaviour": fields, "commits": commits, "run": run_objects(first)}
        yield json.dumps(line)
    yield from (json.dumps(_field_line(field, history)) for field, history in FIELDS.items())


def run_objects(first: Version) -> list[RunObject]:
    """The kernels of the era that begins with ``first`` that were run."""
    return [
        {"release": name(run.version), "machine": run.machine, "attach": run.attach, "cases": run.cases, "base": run.base or None}
        for run in runs_of(first)
    ]


def _field_line(field: str, history: History[Any]) -> FieldLine:
    return {
        "schema": "listenwatch/behaviour-field/2", "field": field, "text": history.text,
        "commits": [_commit(commit) for commit in history.commits],
        "changes": [{"release": name(first), "value": value_text(value)} for first, value in history.changes],
        "stable": [
            {"release": name((*series, backport.patch)), "value": value_text(backport.value), "seen": not backport.is_first}
            for series in history.stable
            for backport in history.backports(series)
        ],
    }  # fmt: skip


def _commit(commit: Commit) -> CommitObject:
    return {"id": commit.id, "subject": commit.subject, "release": commit.release}
