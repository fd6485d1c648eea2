'''listenwatch: every real listen(2) on Linux, watched in the kernel and checked against a reference model.

What the kernel makes of a backlog, without a kernel to try it on::

    >>> import listenwatch
    >>> call = listenwatch.predict(511, somaxconn=128, kernel="6.1")
    >>> call.stored, call.capacity, call.backlog_rule
    (128, 129, 'clamped')

A server and its listen() calls, as root (a program's tests, for example)::

    >>> server = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    >>> with listenwatch.watch(server) as calls:
    ...     call = next(calls)
    >>> call.asked, call.stored, call.agrees
    (5, 5, True)
    >>> call.explain()
    'asked 5, stored 5'
    >>> calls.summary.lost
    0

A recording of ``listenwatch watch -o trace.jsonl``, judged again::

    >>> with listenwatch.replay("trace.jsonl") as recording:
    ...     for call in recording:
    ...         if not call.agrees:
    ...             print(call.name, call.verdict.value, call.explain())
    nginx DISAGREE max_ack_backlog at return: predicted 511, observed 512
    nginx INCONCLUSIVE the call's return was not seen
    >>> recording.header.kernel.release, recording.summary.agree
    ('6.1.0-50-amd64', 4)

Every listener there is, with those who hold it, its queue and its limit::

    >>> full = [each for each in listenwatch.listeners() if each.queue > each.limit]

Errors are ``listenwatch.errors.ListenwatchError``: one line that says what to do next.
'''

# Nothing is imported here: the program is not ready for an interrupt before __main__ runs.
TYPE_CHECKING = False  # a type checker takes it for true, as that of typing
if TYPE_CHECKING:
    from listenwatch.api.judged_call import JudgedCall as JudgedCall
    from listenwatch.api.listening import HeldListener as HeldListener
    from listenwatch.api.listening import listeners as listeners
    from listenwatch.api.predicting import PredictedCall as PredictedCall
    from listenwatch.api.predicting import predict as predict
    from listenwatch.api.replaying import replay as replay
    from listenwatch.api.watching import watch as watch

_MODULES = {
    "HeldListener": "listening",
    "JudgedCall": "judged_call",
    "PredictedCall": "predicting",
    "listeners": "listening",
    "predict": "predicting",
    "replay": "replaying",
    "watch": "watching",
}
"""Where each public name is; it is imported when it is first used."""

__all__ = tuple(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'listenwatch' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"listenwatch.api.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
