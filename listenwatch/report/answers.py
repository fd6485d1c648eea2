"""What the standalone program's answers came to, in words: the verdicts, and two stacks side by side."""

from collections.abc import Iterator, Sequence

from listenwatch.conformance.standalone.answers import (
    Answer,
    Default,
    Fill,
    Listen,
    NotTried,
    OfSocket,
    Shrunk,
    Written,
)
from listenwatch.conformance.standalone.compared import Pair, side_by_side
from listenwatch.conformance.standalone.judging import Judged, Judgement
from listenwatch.linux.names import errno_text, protocol_name
from listenwatch.linux.terminal import escape
from listenwatch.report.tables import table
from listenwatch.report.text import EXCUSES, differences_text, reason
from listenwatch.verdict.compare import VerdictKind

_LIMITS = (
    "not seen: the limit that {number} calls stored; their results and states are as predicted, and what the limits mean "
    "is seen where connections were made"
)


def judgements_text(judgements: Sequence[Judgement], width: int | None, *, verbose: bool) -> str:
    """The verdicts of each file; of two files, where they differ."""
    parts = [judgement_text(judgement, width, verbose=verbose) for judgement in judgements]
    if len(judgements) == 2:
        parts.append(compared_text(judgements[0], judgements[1], width))
    return "\n\n".join(parts)


def judgement_text(judgement: Judgement, width: int | None, *, verbose: bool) -> str:
    """What is worth a look, or all of it, and what is missing."""
    header, stack = judgement.answers.header, judgement.stack
    whose = f"{header.sysname} {header.release} {header.machine}"
    title = f"judged as {stack.name}: answers of {whose} (program {header.program}, network namespace {header.namespace})"
    shown = [judged for judged in judgement.judged if verbose or _is_worth_a_look(judged)]
    rows = [(str(judged.line), *_case(judged.answer), judged.verdict.kind.value, why(judged)) for judged in shown]
    parts = [escape(title), table(("LINE", "CASE", "CALL", "VERDICT", "WHY"), rows, width), *_missing(judgement)]
    return "\n".join([*filter(None, parts), f"{judgement.summary}"])


def _is_worth_a_look(judged: Judged) -> bool:
    return judged.verdict.kind is not VerdictKind.AGREE and not judged.is_limit_unseen


def _missing(judgement: Judgement) -> Iterator[str]:
    if judgement.not_tried:
        yield f"not tried: {', '.join(dict.fromkeys(map(not_tried_text, judgement.not_tried)))}"
    if number := sum(judged.is_limit_unseen for judged in judgement.judged):
        yield _LIMITS.format(number=number)


def not_tried_text(answer: NotTried) -> str:
    """``raw (socket: EPERM)``"""
    result = f": {errno_text(answer.result)}" if answer.result < 0 else ""
    return escape(f"{answer.case} ({answer.what}{result})")


def why(judged: Judged) -> str:
    """One line: why it went so, in what it differs, or why nothing can be said."""
    verdict = judged.verdict
    if judged.call is not None:
        return reason(judged.call, verdict)
    differences = differences_text(verdict.differences)
    if verdict.excuse is not None:
        return f"{EXCUSES[verdict.excuse]}{f' ({differences})' if differences else ''}"
    return differences or seen_text(judged)


def _case(answer: Answer) -> tuple[str, str]:
    """Its name, and the call."""
    match answer:
        case Listen() | Fill():
            call = f"{_protocol(answer)} listen({answer.asked})"
            return escape(answer.case), f"{call}, {answer.attempted} connect()" if isinstance(answer, Fill) else call
        case Shrunk():
            return escape(answer.case), "accept() until none waits"
        case Written():
            return "sysctl", escape(f"{answer.file}={answer.value}")
        case Default():
            return "sysctl", escape(answer.file)
    return "", ""


def _protocol(answer: OfSocket) -> str:
    return protocol_name(answer.family, answer.type, answer.protocol) if answer.family else "no socket"


def seen_text(judged: Judged) -> str:
    """What a program sees of the answer."""
    answer, call = judged.answer, judged.call
    match answer:
        case Listen():
            limit = call.stored if call and not answer.result else None
            return errno_text(answer.result) + ("" if answer.result else f", limit {'not seen' if limit is None else limit}")
        case Fill():
            then = f", then {errno_text(answer.error)}" if answer.error else ""
            return f"{answer.accepted} waited{then}"
        case Shrunk():
            return f"{answer.accepted} accepted"
        case Written():
            return f"{errno_text(answer.result)}, reads {answer.read}"
        case Default():
            return str(answer.value)
    return ""


def compared_text(left: Judgement, right: Judgement, width: int | None) -> str:
    """Where a program that runs on both notices it, one row for each call."""
    pairs = side_by_side(left, right)
    names = left.stack.name, right.stack.name
    if names[0] == names[1]:
        names = f"{names[0]} (first)", f"{names[1]} (second)"
    rows = dict.fromkeys(_row(pair) for pair in pairs if pair.differs)
    alone = [sum(pair.right is None for pair in pairs), sum(pair.left is None for pair in pairs)]
    lines = [table(("CASE", "CALL", *names), list(rows), width) or "no answer differs"]
    lines += [f"only {name}: {number} answers" for name, number in zip(names, alone, strict=True) if number]
    return "\n".join(lines)


def _row(pair: Pair) -> Sequence[str]:
    assert pair.left and pair.right
    return (*_case_of_both(pair), seen_text(pair.left), seen_text(pair.right))


def _case_of_both(pair: Pair) -> tuple[str, str]:
    assert pair.left
    name, call = _case(pair.left.answer)
    return name, call.partition(", ")[0] + (", connect()" if isinstance(pair.left.answer, Fill) else "")
