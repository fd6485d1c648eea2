"""What the pytest plug-in says: of a call, of what is wrong with one, and of a session's calls."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from listenwatch.call.record import ListenCall
from listenwatch.call.text import local_address
from listenwatch.linux.terminal import escape
from listenwatch.report.text import reason
from listenwatch.verdict.compare import Verdict, VerdictKind

MOST = 10
"""So many calls of a kind are named in a summary."""


def call_text(call: ListenCall, verdict: Verdict) -> str:
    """``nginx[12] asked 511, stored 128: clamped by net.core.somaxconn (0.0.0.0:80)``."""
    local = escape(local_address(call))
    kind = "" if verdict.kind is VerdictKind.AGREE else f"{verdict.kind.value}, "
    return f"{escape(call.comm)}[{call.pid}] {kind}{reason(call, verdict)}{f' ({local})' if local else ''}"


def clamped_advice(asked: int | None, somaxconn: int | None) -> str:
    """What to do about a clamp."""
    if somaxconn is None:
        return "raise net.core.somaxconn in the socket's network namespace"
    number = "NUMBER" if asked is None or asked < 0 else str(asked)
    return (
        f"net.core.somaxconn is {somaxconn} in its network namespace: sysctl -w net.core.somaxconn={number} as root, "
        f"in a container --sysctl net.core.somaxconn={number}"
    )


def problem_text(kind: str, text: str = "", min_limit: int | None = None, advice: str = "") -> str:
    """One line about what a test's calls are not; ``text`` is that of the call."""
    match kind:
        case "none":
            return "no listen() that succeeded was seen in this test, which is marked 'listens'"
        case "no-clamped" | "no-failed":
            word = kind.removeprefix("no-")
            return f"no {word} listen() was seen in this test, which is marked listens({word}=True)"
        case "limit":
            return f"a listen() got less than min_limit={min_limit}: {text}{f'; {advice}' if advice else ''}"
        case "clamped":
            return f"a listen() was clamped: {text}; {advice}"
        case "failed":
            return f"a listen() failed: {text}"
        case "disagree":
            return f"the kernel does something else than is documented: {text}"
        case _:
            return f"a listen() is {kind}: {text}"


def ended_text(wanted: str, status: int, seen: Sequence[str]) -> str:
    """Why nothing came for which a test waited: the command has ended."""
    return f"the command ended with status {status} before {wanted}; {_seen_text(seen)}"


def waited_text(wanted: str, seconds: float, seen: Sequence[str]) -> str:
    """Why nothing came for which a test waited: its patience has ended."""
    return f"no {wanted.removeprefix('a ')} within {seconds:g} s; {_seen_text(seen)}"


def wanted_text(port: int | None, name: str | None) -> str:
    """What a test waits for."""
    return f"a listen(){'' if port is None else f' on port {port}'}{'' if name is None else f' by {name}'}"


def _seen_text(seen: Sequence[str]) -> str:
    return f"seen: {'; '.join(seen)}" if seen else "no listen() was seen"


def cannot_watch_text(reasons: Sequence[str]) -> str:
    """Why a session cannot be watched, and what to do."""
    return (
        f"--listenwatch: the listen() calls of this session cannot be watched ({'; '.join(reasons)}): run pytest as root, "
        "allow seccomp where a container forbids it, or leave --listenwatch out"
    )


def not_afresh_text() -> str:
    """Why a session cannot be started again under a watch."""
    return (
        "--listenwatch starts pytest afresh, as a child that is watched: this one was called from within a program; "
        "start it as 'pytest --listenwatch' or 'python -m pytest --listenwatch'"
    )


def summary_lines(verdicts: Counter[str], clamped: int, failed: int, watch: tuple[str, int] | None) -> Iterator[str]:
    """The totals; of a watched session with its attach mode, and the calls of which there is no record."""
    mode, lost = (f" (attach mode {watch[0]})", f", {watch[1]} lost") if watch else ("", "")
    if not verdicts:
        yield f"no listen() was seen{lost}{mode}"
        return
    kinds = ", ".join(f"{number} {kind.lower()}" for kind, number in verdicts.most_common())
    yield f"{verdicts.total()} listen(): {kinds}; {clamped} clamped, {failed} failed{lost}{mode}"


def named_lines(title: str, texts: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Calls under a title, with the test each was made in; at most MOST."""
    if texts:
        yield f"{title}:"
        yield from (f"  {text}{f'  {where}' if where else ''}" for text, where in texts[:MOST])
        if len(texts) > MOST:
            yield f"  {len(texts) - MOST} more, {len(texts)} in all"


def outside_text(texts: Sequence[str], fail_on: Collection[str]) -> str:
    """Why the session fails though each test may have passed."""
    return f"the session fails for calls {OUTSIDE}, by listenwatch_fail_on = {','.join(fail_on)}: {'; '.join(texts[:MOST])}"


def unwatched_text(number: int) -> str:
    """That markers were not looked at."""
    tests = "1 test is marked 'listens' and was" if number == 1 else f"{number} tests are marked 'listens' and were"
    return f"{tests} not watched: 'pytest --listenwatch' checks the marker"


OUTSIDE = "outside any test"
TITLES = {
    "disagree": "not as documented", "clamped": "clamped by net.core.somaxconn", "failed": "failed",
    "inconclusive": "inconclusive", "unmodelled": "not modelled",
}  # fmt: skip
"""Over the calls of each condition."""
