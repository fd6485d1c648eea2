"""One listen() as the API gives it: what was asked, what the kernel stored, the verdict, and why."""

from dataclasses import dataclass
from typing import Any

from listenwatch.api.predicting import PredictedCall, predict
from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.text import local_address, local_port, protocol_of
from listenwatch.errors import UsageError
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.names import errno_text
from listenwatch.model.inputs import TcpState
from listenwatch.report.call_json import judged_to_json
from listenwatch.report.text import reason
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.conditions import is_clamped


@dataclass(frozen=True, slots=True, repr=False)
class JudgedCall:
    """A listen() call, compared with what the model predicts for its inputs.

    ``call`` is everything that was recorded of it, ``judgement`` everything that was concluded.
    """

    call: ListenCall
    judgement: Verdict
    kernel: Kernel

    @property
    def pid(self) -> int:
        """The process, as the initial pid namespace numbers it."""
        return self.call.pid

    @property
    def name(self) -> str:
        """The process's name: at most 15 bytes, as it chose them."""
        return self.call.comm.decode("utf-8", "backslashreplace")

    @property
    def protocol(self) -> str:
        """``tcp``, ``tcp6``, ``mptcp``, ``unix`` and so on; empty where there was no socket."""
        return protocol_of(self.call.pre)

    @property
    def local(self) -> str:
        """``127.0.0.1:80``, ``[::]:80``, ``/path``, ``@abstract``; empty where not known."""
        return local_address(self.call)

    @property
    def port(self) -> int | None:
        """The local port at the return; None where the socket has none."""
        return local_port(self.call)

    @property
    def netns(self) -> int:
        """The inode number of the network namespace."""
        return self.call.netns_inode

    @property
    def asked(self) -> int | None:
        """The backlog the program gave; None where the call itself was not seen."""
        return self.call.asked

    @property
    def somaxconn(self) -> int | None:
        """net.core.somaxconn of the socket's network namespace at the time of the call; None where it was not seen."""
        return self.call.somaxconn

    @property
    def stored(self) -> int | None:
        """sk_max_ack_backlog as the call returned; None where it was not seen."""
        return self.call.stored

    @property
    def limit(self) -> int | None:
        """``stored`` of a socket that listens now; None for one that does not."""
        listens = TcpState.LISTEN in (self.call.post.state, self.call.post.subflow_state)
        return self.stored if listens else None

    @property
    def result(self) -> int:
        """0, or the negative error number."""
        return self.call.result

    @property
    def errno(self) -> str | None:
        """The error's name, such as ``EADDRINUSE``; None where there was none."""
        return errno_text(self.call.result) if self.call.result else None

    @property
    def verdict(self) -> VerdictKind:
        """AGREE, DISAGREE, INCONCLUSIVE or UNMODELLED."""
        return self.judgement.kind

    @property
    def repeats(self) -> int:
        """How many calls this is: where they came too fast for one record each, those with the same inputs and outcome."""
        return self.call.repeats

    @property
    def agrees(self) -> bool:
        """Whether the kernel did what is documented: False too where that cannot be told."""
        return self.judgement.kind is VerdictKind.AGREE

    @property
    def clamped(self) -> bool:
        """Whether it listens with net.core.somaxconn in place of the greater backlog it asked for."""
        return is_clamped(self.call, self.judgement)

    @property
    def rule(self) -> str:
        """The rule that decided the call, as ``listenwatch rules`` names it."""
        return self.judgement.rule

    @property
    def backlog_rule(self) -> str:
        """The rule that decided the number: ``kept``, ``clamped``, ``negative``, ..."""
        return self.judgement.backlog_rule

    def explain(self) -> str:
        """One line: ``asked 511, stored 128: clamped by net.core.somaxconn``."""
        return reason(self.call, self.judgement)

    def predict(self, *, somaxconn: int | None = None, kernel: str | None = None) -> PredictedCall:
        """What the same call does with another somaxconn, or on another kernel.

        All else is as it was: the kind of socket, whether it was bound or listened already, the
        other sysctls. UsageError for a socket ``listenwatch.predict`` does not know.
        """
        if self.asked is None:
            raise UsageError("the call itself was not seen: there is no backlog to predict for")
        if self.call.flags & Flag.SYSCTLS_UNSEEN:
            raise UsageError("the sysctls could not be read: there is nothing to predict from")
        pre, environment = self.call.pre, self.call.environment
        listened = pre.state == TcpState.LISTEN
        return predict(
            self.asked, somaxconn=environment.somaxconn if somaxconn is None else somaxconn,
            kernel=kernel or self.kernel, family=self.protocol, syncookies=environment.syncookies,
            max_syn_backlog=environment.max_syn_backlog,
            abort_on_overflow=bool(environment.abort_on_overflow), fastopen=environment.fastopen,
            relisten=(pre.subflow_max_ack_backlog or pre.max_ack_backlog) if listened else None,
            bound=bool(pre.bound),
        )

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints for it."""
        return judged_to_json(self.call, self.judgement)

    def __repr__(self) -> str:
        return (
            f"<listen({self.asked}) by {self.name} (pid {self.pid}) on {self.local or 'no address'}: "
            f"{self.verdict.value}, {self.explain()}>"
        )
