"""The loop: what reaches which sink, when it ends, and that the totals are those of the verdicts."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Recording
from listenwatch.model.stages import StageIndex
from listenwatch.report.json_sinks import JsonLines, RecordingFile
from listenwatch.session.filters import CallFilter
from listenwatch.session.session import Session, run_session
from listenwatch.session.source import Missing, Recorded, Seen
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.summary import Summary
from tests.helpers.calls import KERNEL, SAMPLES, call, disagreeing, recorded, refused


class Calls:
    """A source of these calls."""

    header = Header(KERNEL, "kprobe")
    left = 0

    def __init__(self, calls: Iterable[ListenCall], *, skipped: int = 0, lost: int = 0) -> None:
        self._calls, self._skipped, self._lost = calls, skipped, lost

    def calls(self) -> Iterator[Seen]:
        return (Seen(each, self._skipped) for each in self._calls)

    def missing(self) -> Missing:
        return Missing(self._lost, 2)


class Kept:
    """A sink that keeps what it is given, and fails where told."""

    def __init__(self, fails: str = "") -> None:
        self.begun: list[tuple[Header, tuple[str, ...]]] = []
        self.calls: list[tuple[ListenCall, Verdict]] = []
        self.ended: list[tuple[Summary, Missing]] = []
        self._fails = fails

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        self.begun.append((header, tuple(unknown)))

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        if self._fails == "call":
            raise BrokenPipeError
        self.calls.append((call, verdict))

    def end(self, summary: Summary, missing: Missing) -> None:
        self.ended.append((summary, missing))
        if self._fails == "end":
            raise BrokenPipeError


def test_a_sink_gets_the_header_each_call_and_the_totals() -> None:
    kept = Kept()
    summary = run_session(Session(Calls(SAMPLES, lost=3), CallFilter()), [kept])
    assert kept.begun == [(Header(KERNEL, "kprobe"), ())]
    assert [each for each, _ in kept.calls] == list(SAMPLES)
    assert kept.ended == [(summary, Missing(3, 2))]
    assert summary == Summary(4, 1, 1, 0, 3)


def test_what_does_not_match_is_not_judged_and_what_is_not_shown_is_recorded() -> None:
    shown, every = Kept(), Kept()
    calls = [call(), refused(), disagreeing(), call(pid=1)]
    session = Session(Calls(calls), CallFilter(names=["nginx"], pids=[4242], disagree=True))
    assert run_session(session, [shown], [every]) == Summary(1, 1, 0, 0, 0)
    assert [each for each, _ in shown.calls] == [calls[2]]
    assert [each for each, _ in every.calls] == [calls[0], calls[2]]


def test_it_ends_after_so_many_calls_shown() -> None:
    shown, every = Kept(), Kept()
    calls = iter([call(), refused(), call(), refused(), call()])
    session = Session(Calls(calls), CallFilter(failed=True))
    assert run_session(session, [shown], [every], count=2).judged == 4
    assert (len(shown.calls), len(every.calls)) == (2, 4)
    assert list(calls) == [call()]  # not even taken


def test_a_call_counts_as_often_as_it_was_made() -> None:
    several, shown = [call()._replace(repeats=7), disagreeing()._replace(repeats=2), call()], Kept()
    session = Session(Calls(several), CallFilter())
    assert run_session(session, [shown]) == Summary(8, 2, 0, 0, 0)
    assert (len(shown.calls), session.repeats) == (3, 7)
    assert run_session(Session(Calls(several), CallFilter()), [], count=7).judged == 7
    assert run_session(Session(Calls(several), CallFilter()), [], count=8).judged == 9  # those of one record stay together


@pytest.mark.parametrize(
    ("skipped", "kind"), [(0, VerdictKind.DISAGREE), (1, VerdictKind.INCONCLUSIVE)]
)
def test_a_skipped_probe_excuses_what_was_not_seen(skipped: int, kind: VerdictKind) -> None:
    seen = dict(call().stages)
    del seen[StageIndex.HASH]
    kept = Kept()
    run_session(Session(Calls([call()._replace(stages=seen)], skipped=skipped), CallFilter()), [kept])
    ((_, verdict),) = kept.calls
    assert verdict.kind is kind


@pytest.mark.parametrize("fails", ["call", "end"])
def test_every_sink_is_ended_whatever_fails(fails: str) -> None:
    broken, other = Kept(fails), Kept()
    with pytest.raises(BrokenPipeError):
        run_session(Session(Calls([call(), call()]), CallFilter()), [broken, other])
    assert len(broken.ended) == len(other.ended) == 1


def test_a_recording_is_complete_though_nobody_reads_the_rest(tmp_path: Path) -> None:
    """``watch -o FILE | head -1``: what was recorded until then can be replayed."""
    path = tmp_path / "trace.jsonl"
    session = Session(Calls([call(), refused(), call()]), CallFilter(failed=True))
    with pytest.raises(BrokenPipeError):
        run_session(session, [Kept("call")], [RecordingFile(str(path))])
    with path.open("rb") as stream:
        assert len(list(Recording(stream, "trace").calls())) == 2
    assert json.loads(path.read_text().splitlines()[-1])["summary"]["agree"] == 2


def test_a_recording_is_a_source() -> None:
    recording = Recording(io.BytesIO(recorded(lost=2)), "trace")
    session = Session(Recorded(recording), CallFilter())
    assert [each for each, _ in session] == list(SAMPLES)
    assert session.summary() == (Summary(4, 1, 1, 0, 2), Missing(2))


def test_memory_does_not_grow_with_the_calls() -> None:
    def peak(number: int) -> int:
        same = call()
        session = Session(Calls(same for _ in range(number)), CallFilter())
        tracemalloc.start()
        for _ in session:
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert session.summary()[0].agree == number
        return most

    peak(10)  # caches are filled
    # another thread (pytest-xdist's) may allocate meanwhile: what grows with the calls grows each time
    assert min(peak(2000) for _ in range(3)) < min(peak(200) for _ in range(3)) + 4096


def test_what_is_not_known_of_a_vendor_s_kernel_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    source, kept = Calls([call()]), Kept()
    vendor = KERNEL._replace(release="5.14.0-503.el9.x86_64", version=(5, 14, 0), has={})
    source.header = Header(vendor, "kprobe")
    session = Session(source, CallFilter())
    run_session(session, [kept, JsonLines()])
    ((_, unknown),) = kept.begun
    out, err = capsys.readouterr()
    assert len(unknown) > 3
    assert err == f"listenwatch: not known of this kernel: {', '.join(unknown)}\n"
    assert json.loads(out.splitlines()[-1])["summary"]["unknown"] == list(unknown)
