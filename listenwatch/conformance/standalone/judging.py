"""Judges the standalone program's answers by the model and the verdict of everything else."""

from collections import Counter
from typing import NamedTuple

from listenwatch.call.record import ListenCall
from listenwatch.conformance.standalone.answers import (
    Answer,
    Answers,
    Default,
    Fill,
    Listen,
    NotTried,
    Shrunk,
    Written,
)
from listenwatch.conformance.standalone.calls import call_of, knowledge_of
from listenwatch.conformance.standalone.fills import judge_fill
from listenwatch.conformance.standalone.stacks import Stack
from listenwatch.conformance.traffic.measure import ACCEPT
from listenwatch.model.choices import each_result
from listenwatch.model.gvisor import Gvisor
from listenwatch.model.inputs import TcpState
from listenwatch.model.sysctl_net_core import write_somaxconn
from listenwatch.verdict.compare import Verdict, VerdictKind, inconclusive, judge
from listenwatch.verdict.difference import Difference, Field, Traffic, Where, Witness
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.summary import Summary, summarise

SOMAXCONN = "net.core.somaxconn"
_AGREES = Verdict(VerdictKind.AGREE, "none", "not-reached")


class Judged(NamedTuple):
    """One answer, its line in the file, and the verdict; the call where it is one."""

    line: int
    answer: Answer
    verdict: Verdict
    call: ListenCall | None = None

    @property
    def is_limit_unseen(self) -> bool:
        """A call that goes as the model says, and stored a limit that nothing shows."""
        answer, verdict = self.answer, self.verdict
        excused = verdict.excuse is Excuse.INPUT_NOT_SEEN and not verdict.differences
        return excused and isinstance(answer, Listen) and answer.result == 0


class Judgement(NamedTuple):
    """All of a file: what was judged, and as what; and what the program could not try."""

    answers: Answers
    stack: Stack
    judged: tuple[Judged, ...]
    not_tried: tuple[NotTried, ...]

    @property
    def summary(self) -> Summary:
        """Answers by verdict."""
        return summarise(Counter(judged.verdict.kind for judged in self.judged), 0)


def judge_answers(answers: Answers, stack: Stack) -> Judgement:
    """Every answer judged as this stack's."""
    judged = [
        _judged(line, answer, answers, stack) for line, answer in answers.lines if not isinstance(answer, NotTried)
    ]
    not_tried = tuple(answer for _, answer in answers.lines if isinstance(answer, NotTried))
    return Judgement(answers, stack, tuple(judged), not_tried)


def _judged(line: int, answer: Answer, answers: Answers, stack: Stack) -> Judged:
    shared = answers.header.namespace == "shared"
    match answer:
        case Listen():
            call = call_of(answer, stack)
            return Judged(line, answer, _judge_call(answer, call, stack), call)
        case Fill():
            return Judged(line, answer, judge_fill(answer, stack, is_alone=not shared))
        case Shrunk():
            place = Traffic(answer.waiting, ACCEPT, ("relistens",))
            return Judged(line, answer, _compared(place, "accepted", answer.waiting, answer.accepted))
        case Written():
            return Judged(line, answer, _judge_write(answer, stack))
        case Default():
            return Judged(line, answer, _judge_default(answer, stack, shared=shared))
    raise AssertionError(answer)  # what was not tried is not judged


def _judge_call(answer: Listen, call: ListenCall, stack: Stack) -> Verdict:
    """The model's verdict; what /proc/net/tcp shows of a listener must be what TCP_INFO shows."""
    verdict, post = judge(call, stack.behaviour, knowledge_of(answer)), answer.post
    if post is None or answer.result or post.tcpi_state != TcpState.LISTEN or verdict.kind is VerdictKind.DISAGREE:
        return verdict
    differences = []
    if post.proc_lists is False:
        differences.append(Difference(Where.POST, Field.STATE, TcpState.LISTEN, False, Witness.PROC))
    if post.proc_queue is not None and stack.shows_numbers and post.proc_queue != post.tcpi_unacked:
        differences.append(Difference(Where.POST, Field.ACK_BACKLOG, post.tcpi_unacked, post.proc_queue, Witness.PROC))
    return verdict._replace(kind=VerdictKind.DISAGREE, excuse=None, differences=tuple(differences)) if differences else verdict


def _compared(place: Where | Traffic, field: str, predicted: int, observed: int) -> Verdict:
    if predicted == observed:
        return _AGREES
    return _AGREES._replace(kind=VerdictKind.DISAGREE, differences=(Difference(place, field, predicted, observed),))


def _judge_write(answer: Written, stack: Stack) -> Verdict:
    """What a sysctl takes, and that it then says so. gVisor's file is constant: no write succeeds."""
    if answer.file != SOMAXCONN or answer.read is None:
        return inconclusive(Excuse.INPUT_NOT_SEEN)
    name = f"write {answer.value}"
    if isinstance(stack.behaviour, Gvisor):
        if not answer.result:
            return _compared(Where.ENVIRONMENT, name, -1, 0)
        return _compared(Where.ENVIRONMENT, SOMAXCONN, stack.behaviour.somaxconn, answer.read)
    allowed = list(each_result(lambda b: write_somaxconn(answer.value, b), stack.behaviour))
    if answer.result not in allowed:
        return _compared(Where.ENVIRONMENT, name, allowed[0], answer.result)
    return _AGREES if answer.result else _compared(Where.ENVIRONMENT, SOMAXCONN, answer.value, answer.read)


def _judge_default(answer: Default, stack: Stack, *, shared: bool) -> Verdict:
    """What a fresh namespace says; somebody may have written to one that others have too."""
    if answer.file != SOMAXCONN or answer.value is None:
        return inconclusive(Excuse.INPUT_NOT_SEEN)
    if isinstance(stack.behaviour, Gvisor):
        return _compared(Where.ENVIRONMENT, SOMAXCONN, stack.behaviour.somaxconn, answer.value)
    if shared:
        return inconclusive(Excuse.INPUT_NOT_SEEN)
    if answer.value in each_result(lambda b: b.somaxconn_default, stack.behaviour):
        return _AGREES
    return _compared(Where.ENVIRONMENT, SOMAXCONN, stack.behaviour.somaxconn_default, answer.value)
