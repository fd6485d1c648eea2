"""What ``judge --json`` prints: an object for each answer, and the summary of each file."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from listenwatch.call.keys import (
    Asked,
    BacklogRuleId,
    Count,
    Only,
    Protocol,
    Reason,
    RuleId,
    Totals,
)
from listenwatch.conformance.standalone.answers import KINDS, OfSocket
from listenwatch.conformance.standalone.compared import facts_of
from listenwatch.conformance.standalone.judging import Judged, Judgement
from listenwatch.linux.names import protocol_name
from listenwatch.report.answers import why
from listenwatch.verdict.codec import verdict_to_json

_NAMES = {kind: name for name, kind in KINDS.items()}


class AnswerDifference(TypedDict):
    """In what an answer differs from the prediction."""

    place: str
    field: str
    predicted: Any
    observed: Any
    witness: NotRequired[str]
    load: NotRequired[Annotated[int, "connections attempted"]]
    what: NotRequired[str]
    rules: NotRequired[list[str]]


class JudgedAnswerLine(TypedDict):
    """An answer of the standalone conformance program, judged; of ``judge --json``."""

    schema: Literal["listenwatch/judged-answer/1"]
    file: str
    line: Annotated[Count, "of the file"]
    kind: Annotated[str, "of the answer: listen, fill, shrunk, write or default"]
    case: str | None
    protocol: Protocol | None
    asked: Asked | None
    seen: Annotated[dict[str, int | None], "what a program sees of it, by name; null: nothing shows it"]
    verdict: Annotated[Any, Only(of=("AGREE", "DISAGREE", "INCONCLUSIVE", "UNMODELLED"))]
    rule: RuleId
    backlog_rule: BacklogRuleId
    excuse: str | None
    differences: list[AnswerDifference]
    reason: Reason


class NotTriedObject(TypedDict):
    """What a case could not do."""

    case: str
    what: str
    result: int


class JudgeSummary(Totals):
    """What the answers of a file came to."""

    file: str
    judged_as: Annotated[str, "the stack whose model judged them"]
    sysname: str
    release: Annotated[str, "what the stack calls itself"]
    machine: str
    compiled_for: Annotated[str, "the machine that the program was compiled for"]
    namespace: Annotated[str, "whose the network namespace was: own, shared or initial"]
    limits_not_seen: Annotated[Count, "calls that stored a limit which nothing shows, and are as predicted otherwise"]
    not_tried: list[NotTriedObject]


class JudgeSummaryLine(TypedDict):
    """The last line of a file of ``judge --json``."""

    schema: Literal["listenwatch/judge-summary/1"]
    reason: Reason
    summary: JudgeSummary


def judgement_lines(judgement: Judgement, file: str) -> Iterator[str]:
    """Each answer and the summary as lines of JSON."""
    for judged in judgement.judged:
        yield json.dumps(answer_line(judged, file))
    yield json.dumps(summary_line(judgement, file))


def answer_line(judged: Judged, file: str) -> dict[str, Any]:
    """The object of one answer (JudgedAnswerLine)."""
    answer = judged.answer
    protocol, asked = None, None
    if isinstance(answer, OfSocket):
        asked = answer.asked
        protocol = protocol_name(answer.family, answer.type, answer.protocol) if answer.family else None
    verdict = verdict_to_json(judged.verdict)
    del verdict["moved"]  # nobody else had the socket
    return {
        "schema": "listenwatch/judged-answer/1", "file": file, "line": judged.line, "kind": _NAMES[type(answer)],
        "case": getattr(answer, "case", None), "protocol": protocol, "asked": asked, "seen": facts_of(judged),
        **verdict, "reason": why(judged),
    }  # fmt: skip


def summary_line(judgement: Judgement, file: str) -> JudgeSummaryLine:
    """The object of a file."""
    header, summary = judgement.answers.header, judgement.summary
    return {
        "schema": "listenwatch/judge-summary/1", "reason": str(summary), "summary": {
            **summary.as_object(), "file": file, "judged_as": judgement.stack.name, "sysname": header.sysname,
            "release": header.release, "machine": header.machine, "compiled_for": header.program, "namespace": header.namespace,
            "limits_not_seen": sum(judged.is_limit_unseen for judged in judgement.judged),
            "not_tried": [
                {"case": answer.case, "what": answer.what, "result": answer.result} for answer in judgement.not_tried
            ],
        },
    }  # fmt: skip
