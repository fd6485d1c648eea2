"""What ``check --sarif`` prints: a log of SARIF 2.1.0 (OASIS, 27 March 2020), which code scanners' viewers read.

Only what is a finding is in it: a viewer shows each result as one, whatever its kind. A configuration that is in order has no
results.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from listenwatch.configs.checking import Checked, Kept
from listenwatch.report.declared import asks_and_gets, declared_line
from listenwatch.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


class _Rule(NamedTuple):
    id: str
    short: str
    full: str
    help: str


_CLAMPED = _Rule(
    "clamped", "The backlog is clamped by net.core.somaxconn.",
    "The kernel stores net.core.somaxconn in place of a greater backlog that listen() is called with.",
    "Raise net.core.somaxconn where the server runs (in its container, if it has its own network namespace), or configure a smaller backlog.",
)  # fmt: skip
_UNKNOWN = _Rule(
    "unknown", "The backlog is not known from the configuration.",
    "What the server passes to listen() depends on what is not in the configuration.",
    "Write the backlog, or the setting that the message names, into the configuration.",
)  # fmt: skip
_DIFFERS = _Rule(
    "differs", "The running server's socket has another limit.",
    "The socket has something else than listen() would get by the configuration now: it was not called again since a change.",
    "Make the server call listen() again; the message says how.",
)  # fmt: skip
_NOT_LISTENING = _Rule(
    "not-listening", "The running server does not listen there.",
    "The configuration declares a listener that the process and its children do not have.",
    "Start the server with this configuration, or check another process.",
)  # fmt: skip
_RULES = (_CLAMPED, _UNKNOWN, _DIFFERS, _NOT_LISTENING)


def sarif_log(checked: Sequence[Checked], failed: Sequence[Checked]) -> dict[str, Any]:
    """The log: a result for each of ``checked`` that is a finding, an error where it is in ``failed``, else a warning."""
    rules = [
        {"id": rule.id, "shortDescription": {"text": rule.short}, "fullDescription": {"text": rule.full}, "help": {"text": rule.help}}
        for rule in _RULES
    ]
    results = [_result(each, rule, fails=each in failed) for each in checked if (rule := _rule(each))]
    driver = {"name": "listenwatch", "version": __version__, "rules": rules}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(checked: Checked) -> _Rule | None:
    """What is the matter, the most serious first; None where nothing is."""
    if checked.kept is Kept.DIFFERS:
        return _DIFFERS
    if checked.kept is Kept.NOT_LISTENING:
        return _NOT_LISTENING
    if checked.declared.backlog is None:
        return _UNKNOWN
    return _CLAMPED if checked.is_clamped else None


def _result(checked: Checked, rule: _Rule, *, fails: bool) -> dict[str, Any]:
    where = checked.declared.where
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.file)}}
    if where.line:
        place["region"] = {"startLine": where.line}
    return {
        "ruleId": rule.id, "ruleIndex": _RULES.index(rule), "level": "error" if fails else "warning",
        "message": {"text": asks_and_gets(declared_line(checked))}, "locations": [{"physicalLocation": place}],
    }  # fmt: skip


def _uri(file: str) -> str:
    """A relative reference where the path is relative, so that a viewer looks below its own root; else a ``file:`` URI."""
    path = Path(os.path.normpath(file))
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path))
