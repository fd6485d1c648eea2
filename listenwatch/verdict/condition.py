"""What may hold of a judged call: the words alone, without the model."""

from enum import Enum


class Condition(Enum):
    """What may hold of a call, the worst first; the value is the word people type. LOST is that of a call without a record."""

    DISAGREE = "disagree"
    CLAMPED = "clamped"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    UNMODELLED = "unmodelled"
    LOST = "lost"
