"""Why a call that does not go as predicted proves nothing: what the probe could not see."""

from collections.abc import Collection
from enum import Enum

from listenwatch.call.record import Flag, ListenCall
from listenwatch.model.stages import ENTRIES, StageIndex
from listenwatch.verdict.difference import Difference, Field


class Excuse(Enum):
    """The reasons for INCONCLUSIVE; the value is the name in JSON."""

    CALL_NOT_SEEN = "call-not-seen"
    RETURN_NOT_SEEN = "return-not-seen"
    RETURN_MISSED = "return-missed"
    DESCRIPTOR_CHANGED = "descriptor-changed"
    CONTENDED = "contended"
    TABLE_SHARED = "table-shared"
    INPUT_MOVED = "input-moved"
    INPUT_NOT_SEEN = "input-not-seen"
    PROBE_SKIPPED = "probe-skipped"
    RECORD_LOST = "record-lost"
    OTHERS_LOST = "others-lost"
    TOOK_LONG = "took-long"


def excuse(call: ListenCall, differences: Collection[Difference]) -> Excuse | None:
    """Why these differences prove nothing; None where they do."""
    if not call.flags & Flag.RETURNED:
        return Excuse.RETURN_NOT_SEEN
    missed = missed_returns(call)
    if all(d.field is Field.REACHED and d.place in missed for d in differences):
        return Excuse.RETURN_MISSED
    if call.flags & Flag.FD_CHANGED:
        return Excuse.DESCRIPTOR_CHANGED
    if call.flags & Flag.CONTENDED:
        return Excuse.CONTENDED
    untouched = (call.post.seen == 1 and call.pre == call.post) or not call.flags & Flag.SOCKET
    if untouched and call.flags & Flag.SHARED_TABLE and not call.hooks >> StageIndex.SECURITY & 1:
        return Excuse.TABLE_SHARED
    return None


def missed_returns(call: ListenCall) -> set[StageIndex]:
    """The returns that took place and were not seen: the function was entered, and the call is over.

    A kretprobe has room for few calls at a time, on some kernels for one a processor, and misses
    the rest without a count that could be read (``rp->nmissed``, kernel/kprobes.c).
    """
    if not call.flags & Flag.RETURNED:
        return set()
    return {
        index for index, entries in ENTRIES.items() if call.hooks >> index & 1
        and index not in call.stages
        and any(entry in call.stages for entry in entries)
    }
