"""Who accepts at a listener, and the advice for it, as ``sockets --json`` and ``overflow --json`` have them."""

from typing import Annotated, TypedDict

from listenwatch.call.keys import Count, Only, Pid, Seconds
from listenwatch.report.consumer import first_aid, sentence
from listenwatch.sockets.consumer import Consumer, Progress
from listenwatch.sockets.look import DiagnosedListener
from listenwatch.sockets.process_view import Activity

_ACTIVITIES = Only(of=tuple(activity.name.lower() for activity in Activity))
_PROGRESS = Only(of=tuple(progress.name.lower() for progress in Progress))


class AdviceObject(TypedDict):
    """What to change, for people."""

    cause: Annotated[str, "why the queue is full, as far as it can be told"]
    steps: Annotated[list[str], "in their order, those against the cause first"]
    only_buy_time: Annotated[list[str], "those of the steps that make the queue longer where that is not the cause"]
    prediction: Annotated[str | None, "what the model predicts for the longer queue; null where no number is known"]


class ConsumerProcess(TypedDict):
    """A process that holds a listener, as two looks saw it; parts of the time are of that between them."""

    pid: Pid
    threads: Annotated[int, Only(0), "how many were looked at"]
    concerned: Annotated[int, Only(0), "of how many of them the activity is true; the next four are of the busiest of these"]
    tid: Annotated[int, Only(0), "its thread id"]
    ran: Annotated[float, Only(0), "the part of the time in which it had a processor"]
    delayed: Annotated[float, Only(0), "the part in which it was ready to run and had none"]
    waits_in: Annotated[str | None, "the kernel function it sleeps in"]
    cpu: Annotated[float, Only(0), "how many processors all threads had"]
    tracer: Annotated[Pid | None, "the process that traces it"]
    descriptors: Annotated[int | None, Only(0), "how many it has open"]
    hard_limit: Annotated[int | None, Only(0), "how many it may have open at the most (RLIMIT_NOFILE)"]


class ConsumerObject(TypedDict):
    """Who accepts at a listener; see the how-to page On call."""

    activity: Annotated[str, _ACTIVITIES, "what its processes do, what keeps them from accepting first"]
    progress: Annotated[str, _PROGRESS, "whether anything was accepted between the two looks"]
    is_cause: Annotated[bool, "whether that is why the queue is full"]
    past: Annotated[bool, "of overflow: it was so while connections were refused, and is no more"]
    seconds: Annotated[Seconds, "between the two looks"]
    accepted: Annotated[Count, "how many were accepted, at the least"]
    holders: Annotated[Count, "how many processes hold the listener"]
    processes: Annotated[list[ConsumerProcess], "those of them of which the activity is true"]


def advice_object(shown: DiagnosedListener) -> AdviceObject | None:
    """The advice, None where there is none."""
    if not shown.is_advised:
        return None
    aid = first_aid(shown.consumer) if shown.consumer else ()
    longer_queue = shown.advice.steps if shown.advice else ()
    return {
        "cause": sentence(shown.row, shown.consumer), "steps": [*aid, *longer_queue],
        "only_buy_time": [*longer_queue] if shown.is_cause else [],
        "prediction": shown.advice.prediction if shown.advice else None,
    }  # fmt: skip


def consumer_object(consumer: Consumer | None) -> ConsumerObject | None:
    """Who accepts, None where nothing waits and where nobody looked."""
    if consumer is None:
        return None
    return {
        "activity": consumer.activity.name.lower(), "progress": consumer.progress.name.lower(),
        "is_cause": consumer.is_cause, "past": consumer.past, "seconds": consumer.seconds,
        "accepted": consumer.accepted, "holders": consumer.holders,
        "processes": [
            {
                "pid": view.pid, "threads": view.threads, "concerned": view.concerned, "tid": view.tid,
                "ran": round(view.ran, 3), "delayed": round(view.delayed, 3), "waits_in": view.waits_in or None,
                "cpu": round(view.cpu, 3), "tracer": view.tracer or None, "descriptors": view.descriptors,
                "hard_limit": view.hard_limit,
            }
            for view in consumer.views
        ],
    }  # fmt: skip
