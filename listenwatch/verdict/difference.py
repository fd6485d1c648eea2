"""One field in which a prediction and an observation differ, as data: where, what, and both values."""

from enum import Enum
from typing import NamedTuple

from listenwatch.model.stages import StageIndex


class Where(Enum):
    """A place on the way of a call that is no stage; the value is its name in JSON."""

    CALL = "call"
    ENVIRONMENT = "environment"
    PRE = "pre"
    RETURN = "return"
    POST = "post"
    SUBFLOW = "subflow"


class Traffic(NamedTuple):
    """Connections or packets that met a listener: how many, of what kind, and the rules that say what becomes of them."""

    load: int
    what: str
    rules: tuple[str, ...]


class Field(Enum):
    """What differs there; the value is its name in JSON."""

    RECORDED = "recorded"
    ISSUED = "issued"
    REACHED = "reached"
    SEEN = "seen"
    VALUE = "value"
    RESULT = "result"
    STATE = "state"
    MAX_ACK_BACKLOG = "max_ack_backlog"
    ACK_BACKLOG = "ack_backlog"
    BOUND = "bound"
    LOCAL_PORT = "local_port"


class Witness(Enum):
    """Somebody else who saw the same call; the value is the name in JSON."""

    LIBC = "libc"
    SOCK_DIAG = "sock_diag"
    PROC = "/proc"
    TCP_INFO = "TCP_INFO"
    ENGINE = "the first engine"


Place = StageIndex | Where | Traffic
Value = int | str | bytes | None


class Difference(NamedTuple):
    """One field in which two sides differ.

    ``predicted`` is the model's value and ``observed`` the probe's; with a ``witness`` the sides are
    the probe and that witness, and no matter of the model. A state is its number, a result 0 or
    -errno, whether something is so a bool, and None what was not seen. ``field`` is a name of its own
    where it is no Field: what traffic was counted as, or an attribute of a record.
    """

    place: Place
    field: Field | str
    predicted: Value
    observed: Value
    witness: Witness | None = None

    @property
    def is_unseen_stage(self) -> bool:
        """Whether the model says that a stage is reached, and the probe did not see it."""
        return self.field is Field.REACHED and not self.witness and not self.observed
