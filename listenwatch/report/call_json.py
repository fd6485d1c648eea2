"""A judged call as a line of JSON."""

from typing import Any

from listenwatch.call.codec import call_to_json
from listenwatch.call.record import ListenCall
from listenwatch.report.text import reason
from listenwatch.verdict.codec import verdict_to_json
from listenwatch.verdict.compare import Verdict


def judged_to_json(call: ListenCall, verdict: Verdict) -> dict[str, Any]:
    """One call and its verdict, with the reason in words: what ``--json`` prints and ``-o`` records; keys are stable."""
    return {**call_to_json(call), **verdict_to_json(verdict), "reason": reason(call, verdict)}
