"""What ``check`` prints: a table, JSON lines, or GitHub's annotations."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Literal, TypedDict

from listenwatch.call.keys import (
    BacklogRuleId,
    Capacity,
    Limit,
    Local,
    Only,
    Port,
    Protocol,
    Reason,
    Release,
    Somaxconn,
    Stored,
)  # fmt: skip
from listenwatch.configs.checking import Checked, Kept
from listenwatch.configs.declared import Origin
from listenwatch.linux.terminal import escape
from listenwatch.model.kernels import name
from listenwatch.report.columns import number_cell, text_width
from listenwatch.report.tables import table
from listenwatch.sockets.servers import server_named


class DeclaredLine(TypedDict):
    """A listener that a configuration declares and what its listen() gets, of ``check --json``."""

    schema: Literal["listenwatch/declared/1"]
    server: Annotated[str, "the server by its name; of a container that is not known, its image"]
    protocol: Protocol
    local: Annotated[Local, "as the configuration has it; of a container its name"]
    port: Port | None
    file: str
    line: Annotated[int | None, Only(1), "null where only the file is known"]
    origin: Annotated[str, Only(of=tuple(origin.value for origin in Origin)), "where the backlog comes from; setting: another setting decides"]
    asked: Annotated[int | None, "the backlog as the configuration writes it, 4294967295 too; null where it is not known"]
    release: Annotated[Release | None, "the kernel; null where nothing is predicted"]
    somaxconn: Somaxconn | None
    stored: Stored | None
    capacity: Capacity | None
    backlog_rule: BacklogRuleId | None
    clamped: Annotated[bool, "whether it gets net.core.somaxconn in place of the greater backlog it asks for"]
    kept: Annotated[Limit | None, "what the running server's socket has; null where that was not asked, or nothing listens"]
    state: Annotated[str | None, Only(of=(*(kept.value for kept in Kept), None)), "how that compares; null where that was not asked"]
    reason: Reason


def declared_line(checked: Checked) -> DeclaredLine:
    """One object; its keys are stable."""
    declared, prediction = checked.declared, checked.prediction
    return {
        "schema": "listenwatch/declared/1", "server": escape(declared.server), "protocol": declared.family,
        "local": escape(declared.local), "port": declared.port, "file": escape(declared.where.file),
        "line": declared.where.line, "origin": declared.origin.value, "asked": declared.backlog,
        "release": name(prediction.version) if prediction else None,
        "somaxconn": prediction.environment.somaxconn if prediction else declared.somaxconn,
        "stored": prediction.sock.max_ack_backlog if prediction else None,
        "capacity": prediction.capacity if prediction else None,
        "backlog_rule": prediction.outcome.backlog_rule.value if prediction else None,
        "clamped": checked.is_clamped, "kept": checked.row.listener.limit if checked.row else None,
        "state": checked.kept.value if checked.kept else None, "reason": reason(checked),
    }  # fmt: skip


def reason(checked: Checked) -> str:
    """In words: why it gets what it gets, and what the running server's socket has instead."""
    return "; ".join(filter(None, (_asked(checked), _gets(checked), _kept(checked))))


def _asked(checked: Checked) -> str:
    declared = checked.declared
    match declared.origin:
        case Origin.DEFAULT:
            return f"default of {escape(declared.server)}"
        case Origin.SETTING:
            return f"decided by {declared.setting}"
        case Origin.UNKNOWN:
            depends = f": it depends on {declared.setting}, which is not set" if declared.setting else ""
            return f"its backlog is not known{depends}"
    return "as configured"


def _gets(checked: Checked) -> str:
    prediction = checked.prediction
    if prediction is None:
        return "" if checked.declared.backlog is None else f"no model of {checked.declared.family} sockets"
    if not checked.is_clamped:
        return ""
    whose = "the container's " if checked.declared.in_container else ""
    set_by = " (the kernel's default: a namespace does not inherit it)" if whose and checked.declared.somaxconn is None else ""
    return f"clamped by {whose}net.core.somaxconn, {prediction.environment.somaxconn}{set_by}"


def _kept(checked: Checked) -> str:
    match checked.kept:
        case Kept.NOT_LISTENING:
            return "the process does not listen there"
        case Kept.DIFFERS:
            assert checked.row
            server = server_named(checked.declared.server)
            then = (server.again or server.then) if server else "restart it"
            return f"the socket has {checked.row.listener.limit}: it listened with another backlog or net.core.somaxconn: {then}"
    return ""


def text_of(checked: Sequence[Checked], width: int | None) -> str:
    """A table for each file, under its name."""
    parts = []
    for file, group in groupby(checked, key=lambda each: each.declared.where.file):
        lines = list(map(declared_line, group))
        is_running = any(line["state"] or line["kept"] for line in lines)
        heads = ["SERVER", "LISTENS ON", "ASKS", "SOMAXCONN", "GETS", *(["HAS"] if is_running else []), "WHY"]
        rows = [_cells(line, is_running=is_running) for line in lines]
        parts.append(f"{escape(file)}\n{table(heads, rows, text_width(width), form='plain')}")
    return "\n\n".join(parts)


def _cells(line: DeclaredLine, *, is_running: bool) -> list[str]:
    numbers = [number_cell(line[key]) for key in ("asked", "somaxconn", "stored")]
    kept = [number_cell(line["kept"])] if is_running else []
    at = f"line {line['line']}: " if line["line"] else ""
    return [line["server"], line["local"] or "-", *numbers, *kept, at + line["reason"]]


def _place(line: DeclaredLine) -> str:
    return line["file"] + (f":{line['line']}" if line["line"] else "")


def annotation(checked: Checked, *, fails: bool) -> str:
    """A workflow command of GitHub Actions, which shows it beside the line of the configuration."""
    line = declared_line(checked)
    level = "error" if fails else "warning" if line["clamped"] or line["asked"] is None else "notice"
    place = f"file={_escaped(line['file'], ':,')}" + (f",line={line['line']}" if line["line"] else "")
    return f"::{level} {place},title=listen() backlog::{_escaped(asks_and_gets(line))}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def problem_text(checked: Checked) -> str:
    """One line about what fails."""
    line = declared_line(checked)
    return f"{_place(line)}: {asks_and_gets(line)}"


def asks_and_gets(line: DeclaredLine) -> str:
    """In words, without the place in the file."""
    asked, stored = number_cell(line["asked"]), number_cell(line["stored"])
    return f"{line['server']} on {line['local']} asks {asked}, gets {stored}: {line['reason']}"
