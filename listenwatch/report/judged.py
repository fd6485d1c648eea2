"""A judged call of a scenario in words: also one without a record, and what traffic did to its listener."""

from collections.abc import Sequence
from typing import Any

from listenwatch.call.text import entry_path_name
from listenwatch.conformance.harness.journal import Measurement
from listenwatch.conformance.harness.judging import Judged
from listenwatch.linux.names import errno_text
from listenwatch.report.call_json import judged_to_json
from listenwatch.report.text import EXCUSES, reason
from listenwatch.verdict.codec import outcome_to_json, verdict_to_json
from listenwatch.verdict.difference import Field

UNRECORDED = "listenwatch/unrecorded-call/1"


def judged_reason(judged: Judged) -> str:
    """One line: why the call went as it did, in what it differs, or why nothing can be told."""
    if judged.reason:
        return judged.reason
    call, verdict = judged.call, judged.verdict
    fields = {difference.field for difference in verdict.differences}
    if call is None or judged.issued is None or Field.ISSUED in fields:
        text = _unpaired(judged)
        return f"{text}; {EXCUSES[verdict.excuse]}" if verdict.excuse else text
    return "; ".join((reason(call, verdict), *(_confirmed(*measured) for measured in judged.confirmed)))


def _unpaired(judged: Judged) -> str:
    issued, call = judged.issued, judged.call
    made = f"listen({issued.fd}, {issued.backlog})" if issued else "nothing"
    if call is None:
        assert issued is not None  # one of the two there is
        return f"{made} returned {errno_text(-issued.error)} and has no record"
    record = f"a record of listen({call.fd}, {call.backlog}) by {entry_path_name(call.entry_path)}"
    return f"{record}, where the scenario made {made}"


def _confirmed(measurement: Measurement, rules: Sequence[str]) -> str:
    counters = (f"{name} +{number}" for name, number in (measurement.counters or {}).items())
    seen = (f"{name} {number}" for name, number in measurement.seen.items() if number)
    return (
        f"{measurement.load} × {measurement.what} as predicted: {', '.join((*seen, *counters))} "
        f"({', '.join(rules)})"
    )


def judged_line(judged: Judged) -> dict[str, Any]:
    """One object for the call; one without a record has only what is known of it, and a schema of its own."""
    call, verdict, reason_text = judged.call, judged.verdict, judged_reason(judged)
    if call is None:
        return {"schema": UNRECORDED, **verdict_to_json(verdict), "reason": reason_text}
    predicted = outcome_to_json(verdict.outcome)
    return {**judged_to_json(call, verdict), "reason": reason_text, "predicted": predicted}
