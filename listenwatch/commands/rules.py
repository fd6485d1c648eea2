"""``listenwatch rules``: every rule of the model and every change between kernels, with its source."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from tabulate import tabulate

from listenwatch.behaviours import field_docs, value_text
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.eras import ERAS, name
from listenwatch.model.queue_rules import QueueRule
from listenwatch.model.rules import BacklogRule, Cited, Rule

SCHEMA = 1
TABLES: dict[str, type[Cited]] = {
    "The call ends by": Rule,
    "The backlog is": BacklogRule,
    "The next connection": QueueRule,
}


EPILOG = """\
examples:
  listenwatch rules                    every rule, with its place in the kernel source
  listenwatch rules --eras             what changed from kernel to kernel, with the commits
  listenwatch rules --json             the same for programs"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add rules' options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--eras", action="store_true", help="what changed from era to era, field by field"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    if args.json:
        found = era_objects() if args.eras else rule_objects()
        print("\n".join(json.dumps({"schema": SCHEMA, **one}) for one in found))
    else:
        print(eras_text() if args.eras else rules_text())
    return 0


def rules_text() -> str:
    """The rules as tables."""
    parts = []
    for title, rules in TABLES.items():
        rows = [(rule.value, *split(rule), rule.source) for rule in rules]
        heads = (title, "errno", "means", "decided by")
        parts.append(tabulate(rows, heads, maxcolwidths=[24, 10, 26, 34], disable_numparse=True))
    return "\n\n".join(parts)


def split(rule: Cited) -> tuple[str, str]:
    """The errno a rule's text begins with, or nothing, and the rest."""
    errno, colon, rest = rule.text.partition(": ")
    return (errno, rest) if colon and errno.isupper() and errno.isalpha() else ("", rule.text)


def rule_objects() -> Iterator[dict[str, object]]:
    """The rules, each with ``kind, id, errno, text, source``."""
    for rules in TABLES.values():
        for rule in rules:
            errno, text = split(rule)
            kind = rules.__name__
            yield {"kind": kind, "id": rule.value, "errno": errno or None, "text": text, "source": rule.source}


def eras_text() -> str:
    """Each era and what it changed, then each field with its citation."""
    rows = [
        (name(first), "\n".join(f"{field}: {value_text(value)}" for field, value in changed))
        for first, changed in changes()
    ]
    parts = [tabulate(rows, ("From", "changed to"), disable_numparse=True)]
    parts += [f"{field}\n    {text}" for field, text in field_docs().items()]
    return "\n\n".join(parts)


def changes() -> Iterator[tuple[tuple[int, int, int], list[tuple[str, object]]]]:
    """Each era with the fields it changed; the first one with all of them."""
    before: dict[str, object] = {}
    for first, era in ERAS:
        fields = era._asdict()
        changed = [(f, v) for f, v in fields.items() if f not in before or before[f] != v]
        yield first, changed
        before = fields


def era_objects() -> Iterator[dict[str, object]]:
    """Each era with all its fields, then each field with its documentation."""
    for first, era in ERAS:
        yield {"era": name(first), "behaviour": {f: value_text(v) for f, v in era._asdict().items()}}
    docs = field_docs()
    for field in Behaviour._fields:
        yield {"field": field, "text": docs[field]}
