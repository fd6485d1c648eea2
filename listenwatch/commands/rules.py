"""``listenwatch rules``: every rule of the model and every change between kernels, with its source."""

import argparse
import sys
from collections.abc import Iterator

from listenwatch.errors import UsageError
from listenwatch.linux.terminal import width_of
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.history import Version
from listenwatch.model.kernels import ERAS, name
from listenwatch.model.queue_rules import QueueRule
from listenwatch.model.rules import BacklogRule, Cited, Rule
from listenwatch.report.behaviour import runs_text, value_text
from listenwatch.report.columns import WIDTH, paragraph, text_width
from listenwatch.report.rules_json import (
    GVISOR_KINDS,
    KINDS,
    era_lines,
    rule_lines,
    seen_object,
    split,
)
from listenwatch.report.tables import table

TITLES: dict[type[Cited], str] = {
    Rule: "The call ends by",
    BacklogRule: "The backlog is",
    QueueRule: "The next connection",
}
_GVISOR: dict[type[Cited], str] = dict(zip(GVISOR_KINDS.values(), TITLES.values(), strict=True))


EPILOG = """\
examples:
  listenwatch rules           every rule, with its place in the kernel source
  listenwatch rules --eras    what changed between kernels, with the commits
  listenwatch rules --stack gvisor   those of gVisor, in its own source
  listenwatch rules --json    the same for programs

exit status: 0 printed, 2 usage"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--eras", action="store_true", help="what changed from era to era, field by field")
    add("--stack", choices=("gvisor",), help="the rules of another stack than Linux")
    add("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    if args.stack and args.eras:
        raise UsageError("--eras are of Linux: leave out --stack")
    if args.json:
        print("\n".join(era_lines() if args.eras else rule_lines(GVISOR_KINDS if args.stack else KINDS)))
    elif args.eras:
        print(eras_text(width_of(sys.stdout)))
    else:
        print(rules_text(width_of(sys.stdout), _GVISOR if args.stack else TITLES))
    return 0


def rules_text(width: int | None = None, titles: dict[type[Cited], str] = TITLES) -> str:
    """The rules as tables; who decides stands in a column of its own where there is room for it."""
    room = text_width(width)
    parts = []
    for rules, title in titles.items():
        rows: list[tuple[str, ...]] = [(rule.value, *_means(rule), rule.source) for rule in rules]
        if room < WIDTH:
            three = [(rule, errno, f"{text}\n{source}") for rule, errno, text, source in rows]
            parts.append(table((title, "errno", "means, and who decides"), three, room))
        else:
            parts.append(table((title, "errno", "means", "decided by"), rows, room))
    return "\n\n".join(parts)


def _means(rule: Cited) -> tuple[str, str]:
    """The errno, and what the kernel does with the words in which ``watch`` shows it."""
    errno, text = split(rule)
    parts = [text, *([f'shown as "{rule.reason}"'] if rule.reason else []), *([_seen(rule)] if isinstance(rule, Rule) else [])]
    return errno, "\n".join(parts)


def _seen(rule: Rule) -> str:
    where = seen_object(rule)
    if where is None:
        return "no recorded kernel has shown it"
    made = f", made by module {where['module']}" if where["module"] else ""
    return f"last seen: {where['release']} {where['machine']}, {where['attach']}{made}"


def eras_text(width: int | None = None) -> str:
    """Each era and what it changed, then each field with its citation."""
    rows = [
        (name(first), "\n".join(f"{field}: {value_text(value)}" for field, value in changed), runs_text(first).replace("; ", "\n"))
        for first, changed in changes()
    ]
    parts = [table(("From", "changed to", "run"), rows, text_width(width))]
    parts += [f"{field}\n{paragraph(history.text, '    ', width=width)}" for field, history in FIELDS.items()]
    return "\n\n".join(parts)


def changes() -> Iterator[tuple[Version, list[tuple[str, object]]]]:
    """Each era with the fields it changed; the first one with all of them."""
    before: dict[str, object] = {}
    for first, era in ERAS:
        fields = era.values()
        changed = [(f, v) for f, v in fields.items() if f not in before or before[f] != v]
        yield first, changed
        before = fields
