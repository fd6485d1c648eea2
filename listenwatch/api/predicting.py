"""What listen() does on any kernel, by the model."""

from dataclasses import dataclass, field

from listenwatch.errors import UsageError
from listenwatch.features.behaviour import behaviour_of_any
from listenwatch.linux.kernel import Kernel, running_kernel
from listenwatch.linux.names import errno_text
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.history import Version
from listenwatch.model.kernels import name
from listenwatch.model.socket_h import Unmodelled
from listenwatch.prediction.calculator import Prediction, calculate
from listenwatch.prediction.parameters import FAMILIES, Parameters, version_of
from listenwatch.report.prediction import as_text
from listenwatch.report.text import unmodelled_text


@dataclass(frozen=True)
class PredictedCall:
    """What a listen() does: ``result`` is 0 or the negative error number, ``errno`` the error's name.

    ``stored`` is sk_max_ack_backlog at the return, ``capacity`` how many connections then wait for
    accept() (None: nothing listens, or there is no end). ``prediction`` has all the rest.
    """

    kernel: str
    backlog: int
    stored: int
    capacity: int | None
    result: int
    errno: str | None
    rule: str
    backlog_rule: str
    prediction: Prediction = field(repr=False)

    def explain(self) -> str:
        """What ``listenwatch predict`` prints: each step, and what it means to the next connection."""
        return as_text(self.prediction)


def predict(
    backlog: int, *, somaxconn: int | None = None, kernel: str | Kernel | None = None,
    family: str = "tcp", syncookies: int | None = None, max_syn_backlog: int = 1024,
    abort_on_overflow: bool = False, fastopen: int = 1, relisten: int | None = None, bound: bool = True,
) -> PredictedCall:
    """What ``listen(backlog)`` does on ``kernel``, such as "6.1", "5.10.223" or that of a recording; by default this one.

    A sysctl that is not given is the kernel's default. ``family`` is tcp, tcp6, mptcp or unix;
    ``relisten`` the backlog of an earlier listen() on the same socket. UsageError where there is no
    such kernel, or no such socket on it.
    """
    if family not in FAMILIES:
        raise UsageError(f"no prediction for {family or 'no'} sockets: choose from {', '.join(FAMILIES)}")
    parameters = Parameters(
        backlog, family, somaxconn, syncookies, max_syn_backlog, int(abort_on_overflow), fastopen,
        relisten, bound,
    )
    if isinstance(kernel, str):
        version, behaviour = version_of(kernel), None
    else:
        kernel = kernel or running_kernel()
        version, behaviour = kernel.version, behaviour_of_any(kernel)
    prediction = predicted(version, parameters, behaviour)
    outcome = prediction.outcome
    return PredictedCall(
        name(version), backlog, prediction.sock.max_ack_backlog, prediction.capacity,
        outcome.result, errno_text(outcome.result) if outcome.result else None, outcome.rule.value,
        outcome.backlog_rule.value, prediction,
    )


def predicted(version: Version, parameters: Parameters, behaviour: Behaviour | None = None) -> Prediction:
    """The prediction, or a UsageError where this kernel has no such socket."""
    try:
        return calculate(version, parameters, behaviour)
    except Unmodelled as unmodelled:
        raise UsageError(f"Linux {name(version)}: {unmodelled_text(unmodelled.kind)}") from None
