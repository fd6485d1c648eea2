"""The generated parts of the documentation: made from the parsers and the model as the site is built.

A page says ``<!-- generated: rules -->`` on a line of its own where a part belongs. Nothing here is a second
home for a fact: commands come from argparse, rules and eras from ``listenwatch rules --json``.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from docs.generated_api import api
from docs.generated_schemas import schemas
from docs.prose import prose
from listenwatch import cli
from listenwatch.exporter.labels import Labels
from listenwatch.exporter.metrics import METRICS
from listenwatch.linux.privileges import COMMANDS
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.history import History
from listenwatch.model.kernels import name as release
from listenwatch.model.stages import StageIndex
from listenwatch.report.behaviour import value_text
from listenwatch.report.overflow_words import WORDS
from listenwatch.sockets.servers import SERVERS

MARKER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
SOURCE = "https://elixir.bootlin.com/linux"


def fill(markdown: str) -> str:
    """A page with each marker replaced by what it names; KeyError for a name nothing generates."""
    return MARKER.sub(lambda marker: PARTS[marker[1]](), markdown)


# ---- commands ----------------------------------------------------------------------------------


def commands() -> str:
    """Each command with its usage, options and examples."""
    return "\n".join(line for name in cli.COMMANDS for line in _command(cli.parser_of(name), 2))


def _command(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    yield f"{'#' * level} {parser.prog.removeprefix('listenwatch ')} {{#{parser.prog.replace(' ', '-')}}}\n"
    yield f"{parser.description or ''}\n"
    usage = re.sub(r"\n {7}", "\n", parser.format_usage().removeprefix("usage: ").strip())
    yield f"```text\n{usage}\n```\n"
    for group in parser._action_groups:
        rows = [row for action in group._group_actions if (row := _option(action, parser))]
        if rows:
            head = "argument" if group is parser._positionals else "option"
            yield f"{(group.title or '').capitalize()}:\n\n| {head} | meaning |\n| --- | --- |"
            yield "\n".join(rows) + "\n"
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```\n"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in dict.fromkeys(action.choices.values()):
                yield from _command(inner, level + 1)


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """A row of the table of options; none for --help and for commands within a command."""
    if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
        return ""
    formatter = parser._get_formatter()
    name = formatter._format_action_invocation(action).replace("|", "\\|").replace(", --", "`, `--")
    text = formatter._expand_help(action) if action.help else ""
    return f"| `{name}` | {prose(text)} |"


# ---- rules and eras ----------------------------------------------------------------------------


@functools.cache
def _lines(*options: str) -> list[dict[str, Any]]:
    """What ``listenwatch rules --json`` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = cli.main(["rules", "--json", *options])
    assert status == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


KINDS = {
    "rule": "How a call ends",
    "backlog_rule": "What becomes of the backlog",
    "queue_rule": "What the next connection meets",
}


def rules() -> str:
    """A table for each kind of rule, with links to the function that decides."""
    parts = []
    for kind, title in KINDS.items():
        last = " last seen |" if kind == "rule" else ""
        parts.append(f"## {title}\n\n| rule | errno | meaning | decided by |{last}\n| --- | --- | --- | --- |{' --- |' if last else ''}")
        parts += [
            f'| <code id="{rule["id"]}">{rule["id"]}</code> | {rule["errno"] or ""} '
            f"| {prose(rule['text'])} | {source_link(rule['source'], rule['release'] or newest())} |"
            f"{f' {_seen(rule)} |' if last else ''}"
            for rule in _lines()
            if rule["kind"] == kind
        ]
        parts.append("")
    return "\n".join(parts)


def _seen(rule: dict[str, Any]) -> str:
    """The newest kernel of a vector in which a call ended by the rule."""
    seen = rule["seen"]
    if seen is None:
        return "never"
    made = f", made by module {seen['module']}" if seen["module"] else ""
    return f"{seen['release']} ({seen['machine']}, {seen['attach']}){made}"


def source_link(source: str, release: str) -> str:
    """``inet_listen(), net/ipv4/af_inet.c`` with links into the release that has it."""
    tag = f"v{release}"
    linked = re.sub(r"\b(\w+)\(\)", rf"[`\1()`]({SOURCE}/{tag}/C/ident/\1)", source)
    return re.sub(r"\bnet/[\w/]+\.c", lambda file: f"[{file[0]}]({SOURCE}/{tag}/source/{file[0]})", linked)


def newest() -> str:
    """The release with which the newest era begins."""
    return str([line for line in _lines("--eras") if "era" in line][-1]["era"])


def eras() -> str:
    """What changed with each era, in the order of releases."""
    lines = [line for line in _lines("--eras") if "era" in line]
    parts = ["| from | what changed | run |", "| --- | --- | --- |"]
    parts.append(f"| {lines[0]['era']} | the oldest that is described | {_run(lines[0])} |")
    for before, era in itertools.pairwise(lines):
        changes = [
            f"[`{field}`](#{field}): `{before['behaviour'][field]}` → `{value}`"
            for field, value in era["behaviour"].items()
            if before["behaviour"][field] != value
        ]
        parts.append(f'| <span id="era-{era["era"]}">{era["era"]}</span> | {"<br>".join(changes)} | {_run(era)} |')
    return "\n".join(parts) + "\n"


def _run(era: dict[str, Any]) -> str:
    """Which of its kernels were run, and how many of their answers are replayed."""
    runs = [
        f"{run['release']} ({run['machine']}, {run['attach']}"
        f"{', rebuilt from ' + run['base'] if run['base'] else ''}): {run['cases']} cases"
        for run in era["run"]
    ]
    return "<br>".join(runs) or "only read"


def behaviour() -> str:
    """Each field of Behaviour: what it says, the commits, its values by release, and what shows it."""
    return "\n".join(line for name, history in FIELDS.items() for line in _field(name, history))


def _field(name: str, history: History[Any]) -> Iterator[str]:
    yield f"### {name} {{#{name}}}\n\n{prose(history.text)}\n\n| from | value |\n| --- | --- |"
    for version, value in history.changes:
        yield f"| {release(version)} | {_value(value)} |"
    for series in history.stable:
        for patch, value, is_first in history.backports(series):
            seen = "" if is_first else "seen in "
            yield f"| {seen}{release((*series, patch))}, in the stable tree | {_value(value)} |"
    yield ""
    if history.evidence:
        shown = []
        for symbol, present, absent, kind in history.evidence:
            means = [f"present: {_value(present)}"] * (present is not None)
            means += [f"absent: {_value(absent)}"] * (absent is not None)
            shown.append(f"the {kind.value} `{symbol}` ({', '.join(means)})")
        yield f"Shown by a running kernel: {'; '.join(shown)}.\n"


def _value(value: object) -> str:
    """A value as ``--behaviour`` takes it, with what it means where it is one of an enumeration."""
    meaning = f" ({prose(str(value.value))})" if isinstance(value, Enum) else ""
    return f"`{value_text(value)}`{meaning}"


# ---- stages ------------------------------------------------------------------------------------


def stages() -> str:
    """The stages in the order the kernel passes them."""
    rows = [
        f"| `{stage.key}` | {prose(stage.label)} | `{stage.function}` | {stage.moment.value} | {stage.holds.value} |"
        for stage in StageIndex
    ]
    return "\n".join(["| JSON key | on the screen | function or tracepoint | at | value |", "| --- " * 5 + "|", *rows]) + "\n"


# ---- losses ------------------------------------------------------------------------------------


def losses() -> str:
    """The kinds of loss ``overflow`` tells apart."""
    rows = [f"| `{kind.name.lower()}` | {word} | {prose(text)} |" for kind, (word, text) in WORDS.items()]
    return "\n".join(["| JSON `kind` | WHAT | meaning |", "| --- " * 3 + "|", *rows]) + "\n"


def metrics() -> str:
    """What the exporter serves."""
    rows = [
        f"| `{metric.written}` | {metric.kind} | {_labels(metric.labels)} | {prose(metric.text)} |" for metric in METRICS
    ]
    return "\n".join(["| metric | kind | labels | meaning |", "| --- " * 4 + "|", *rows]) + "\n"


def _labels(names: tuple[str, ...]) -> str:
    """The labels of a listener are explained below the table."""
    own = [name for name in names if name not in Labels._fields or "protocol" not in names]
    return ", ".join([*(["[a listener's](#labels-of-a-listener)"] if "protocol" in names else []), *(f"`{name}`" for name in own)])


def privileges() -> str:
    """What each command needs of a user who is not root."""
    rows = [
        f"| `{name}` | {', '.join(needs.needed) or 'nothing'} | {', '.join(needs.more) or 'nothing'} |"
        for name, needs in COMMANDS.items()
    ]
    return "\n".join(["| command | needs | sees all with these too |", "| --- " * 3 + "|", *rows]) + "\n"


# ---- servers -----------------------------------------------------------------------------------


def servers() -> str:
    """The known servers and what each asks for."""
    rows = [
        f"| {server.name} | {'' if server.default is None else server.default} | {prose(_setting(server.setting))} "
        f"| {prose(server.source)} | {server.seen} |"
        for server in SERVERS
    ]
    head = "| server | default | set by | source of the default | release that was run and asked for it |"
    return "\n".join([head, "| --- " * 5 + "|", *rows]) + "\n"


def _setting(text: str) -> str:
    return text.format(n="N").replace("|", "\\|")


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "rules": rules,
    "eras": eras,
    "behaviour": behaviour,
    "stages": stages,
    "losses": losses,
    "metrics": metrics,
    "privileges": privileges,
    "api": api,
    "schemas": schemas,
    "servers": servers,
}
