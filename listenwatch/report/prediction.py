"""How a prediction is shown to people: step by step or kernels side by side, and what the numbers do not say."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from listenwatch.call.text import state_name
from listenwatch.linux.names import errno_text
from listenwatch.model.behaviour import FIELDS, unknown_fields
from listenwatch.model.choices import only_result
from listenwatch.model.history import series_of
from listenwatch.model.kernels import NEWEST_READ, era_start, name
from listenwatch.model.queue_rules import Response
from listenwatch.model.rules import Cited
from listenwatch.model.run import Outcome
from listenwatch.model.steps import Step
from listenwatch.model.sysctl_net_core import write_somaxconn
from listenwatch.model.tcp_input import QueueResponse
from listenwatch.model.variants import SynQueue
from listenwatch.prediction.calculator import Prediction, Situation
from listenwatch.report.behaviour import runs_text, unlike_newest, value_text
from listenwatch.report.columns import paragraph, text_width
from listenwatch.report.steps import step_text
from listenwatch.report.tables import fits, table

UNKNOWN = Response.UNKNOWN.value


def as_text(prediction: Prediction, width: int | None = None) -> str:
    """Everything about one kernel."""
    result = ("result", errno_text(prediction.outcome.result))
    parts = [
        paragraph(_headline(prediction), width=width), _steps(prediction.outcome.steps, width),
        table((), [result, *meaning(prediction)], text_width(width), form="plain"),
        table(("Next", "gets", "counts"), list(map(_situation, prediction.situations)), text_width(width)),
    ]
    parts += [_other(prediction, other, width) for other in prediction.others]
    parts.append(_rules(prediction, width))
    parts += [paragraph(f"Note: {note}", width=width) for note in notes(prediction)]
    return "\n\n".join(part for part in parts if part)


def _headline(prediction: Prediction) -> str:
    call, env = prediction.parameters, prediction.environment
    again = "" if call.relisten is None else f" after listen({call.relisten})"
    return (
        f"Linux {name(prediction.version)} (behaves as from {era_of(prediction)} on): "
        f"listen({call.backlog}){again} on {call.family}"
        f"{'' if call.bound else ', not bound'}; "
        f"somaxconn {env.somaxconn}, tcp_max_syn_backlog {env.max_syn_backlog}, "
        f"tcp_syncookies {env.syncookies}, tcp_fastopen {env.fastopen:#x}, "
        f"tcp_abort_on_overflow {env.abort_on_overflow}"
    )


def era_of(prediction: Prediction) -> str:
    """The release the kernel's era began with."""
    return name(era_start(prediction.version))


def _steps(steps: Sequence[Step], width: int | None) -> str:
    rows = [
        (s.function, step_text(s), state_name(s.state), str(s.max_ack_backlog), str(s.ack_backlog))
        for s in steps
    ]
    return table(("stage", "does", "state", "max_ack", "ack"), rows, text_width(width))


def meaning(prediction: Prediction) -> Iterator[tuple[str, str]]:
    """What is stored and how many may wait, in words."""
    yield "stored max_ack_backlog", str(prediction.sock.max_ack_backlog)
    listener = prediction.listener
    if not listener:
        yield "listens", "no"
        return
    capacity, any_number = prediction.capacity, "any number: the counter wraps before it exceeds the limit"
    yield "accept queue holds", any_number if capacity is None else f"{capacity}: one more than the limit"
    if prediction.parameters.family == "unix":
        return
    if listener.table:
        yield "SYN queue table", f"{listener.table.nr_table_entries} slots"
    limit = prediction.syn_limit
    low = listener.max_ack_backlog
    yield "SYN queue holds", f"{low} or {low + 1}: not known" if limit is None else str(limit)
    if prediction.behaviour.syn_queue is not SynQueue.NO_TABLE and prediction.parameters.relisten is not None:
        yield "", "as the first listen() made it: a later one does not resize"
    if prediction.sock.fastopen_max_qlen:
        yield "fast open queue holds", str(prediction.sock.fastopen_max_qlen)


def situation_text(situation: Situation) -> str:
    """When the next connection arrives."""
    return situation.when.value.format(situation.requests)


def _situation(situation: Situation) -> tuple[str, str, str]:
    response, rule, _ = situation.response
    counted = counters_of(situation.response)
    text = UNKNOWN if counted is None else ", ".join(counted) or "nothing"
    return situation_text(situation), f"{response.value} ({rule.value})", text


def counters_of(response: QueueResponse) -> list[str] | None:
    """The counters that move; None where the response is not known."""
    return None if response.response is Response.UNKNOWN else list(response.counters)


def _other(prediction: Prediction, other: Outcome, width: int | None) -> str:
    """Another outcome, from where it parts from the likeliest."""
    pairs = zip(prediction.outcome.steps, other.steps, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    title = f"Or {errno_text(other.result)} ({other.rule.value}): {other.rule.text}"
    return "\n".join(part for part in (paragraph(title, width=width), _steps(other.steps[common:], width)) if part)


def rules_of(prediction: Prediction) -> list[Cited]:
    """Every rule the prediction used, each once, in the order it applies."""
    used: list[Cited] = [prediction.outcome.backlog_rule, prediction.outcome.rule]
    used += [other.rule for other in prediction.others]
    used += [situation.response.rule for situation in prediction.situations]
    return list(dict.fromkeys(used))


def _rules(prediction: Prediction, width: int | None) -> str:
    rules = [(rule, rule.source_in(prediction.behaviour)) for rule in rules_of(prediction)]
    lines = [paragraph(f"{rule.value}: {rule.text}. {source}", "  ", width=width) for rule, source in rules]
    unlike = [f"{f} {value_text(v)}" for f, v in unlike_newest(prediction.behaviour).items()]
    if unlike:
        lines.append(paragraph(f"Unlike the newest kernel: {', '.join(unlike)}", "  ", width=width))
    run = paragraph(f"Kernels of this era that were run: {runs_text(era_start(prediction.version))}", width=width)
    return "\n".join(["Rules", *lines, run, "'listenwatch rules --eras' cites what changed, and when"])


def compared(predictions: Sequence[Prediction], width: int | None = None) -> str:
    """Several kernels side by side, in as many tables as it takes; a row in which they differ begins with ``*``.

    Of the fields of Behaviour only those that differ are shown.
    """
    columns = [dict(comparison(prediction)) for prediction in predictions]
    heads = [name(prediction.version) for prediction in predictions]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = []
    for label in labels:
        cells = [column.get(label, "-") for column in columns]
        differ = len(set(cells)) > 1
        if differ or label not in FIELDS:
            rows.append(("*" if differ else "", label, cells))
    for at_once in range(len(predictions), 0, -1):
        blocks = [slice(first, first + at_once) for first in range(0, len(predictions), at_once)]
        parts = [
            table(("", "", *heads[block]), [(mark, label, *cells[block]) for mark, label, cells in rows], width)
            for block in blocks
        ]
        if all(fits(part, width) for part in parts):
            break
    for prediction in predictions:
        kernel = name(prediction.version)
        parts += [paragraph(f"Note: {kernel}: {note}", width=width) for note in notes(prediction)]
    return "\n\n".join(parts)


def comparison(prediction: Prediction) -> Iterator[tuple[str, str]]:
    """The rows of one kernel: the call, what it means, and every field of its Behaviour."""
    yield "era begins with", era_of(prediction)
    yield "somaxconn", str(prediction.environment.somaxconn)
    yield "result", errno_text(prediction.outcome.result)
    yield "backlog rule", prediction.outcome.backlog_rule.value
    yield "rule", prediction.outcome.rule.value
    yield from meaning(prediction)
    for situation in prediction.situations:
        counted = counters_of(situation.response)
        lines = (UNKNOWN,) if counted is None else (situation.response.response.name, *counted)
        yield situation_text(situation), "\n".join(lines)
    for other in prediction.others:
        sock = other.subflow or other.socket
        left = f", stored {sock.max_ack_backlog}" if sock else ""
        yield f"or {other.rule.value}", f"{errno_text(other.result)}{left}"
    for field, value in prediction.behaviour.values().items():
        yield field, value_text(value)


def notes(prediction: Prediction) -> list[str]:
    """What was assumed, and what other releases of the series do: sentences."""
    somaxconn, version = prediction.environment.somaxconn, prediction.version
    lines = []
    written = only_result(lambda b: write_somaxconn(somaxconn, b), prediction.behaviour)
    if written is None:
        lines.append(f"whether net.core.somaxconn can be {somaxconn} here is {UNKNOWN}")
    elif written:
        lines.append(f"net.core.somaxconn cannot be {somaxconn} here: writing it answers EINVAL")
    unknown = unknown_fields(prediction.behaviour)
    if unknown:
        lines.append(f"not known of this release: {', '.join(unknown)}")
    later = list(_later_in_series(prediction))
    if later:
        lines.append(f"stable releases of this series differ: {', '.join(later)}")
    if version[:2] > NEWEST_READ:
        lines.append("newer than any kernel the model was read from ({}.{})".format(*NEWEST_READ))
    return lines


def _later_in_series(prediction: Prediction) -> Iterator[str]:
    series, patch = series_of(prediction.version)
    for field, history in FIELDS.items():
        for backport in history.backports(series):
            if backport.patch > patch:
                text = UNKNOWN if backport.value is None else value_text(backport.value)
                seen = "from" if backport.is_first else "seen in"
                yield f"{field} {text} {seen} {name((*series, backport.patch))}"
