"""What each command prints as JSON fits its schema, and does not with a key less or a key more, anywhere in it."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from listenwatch import cli
from listenwatch.bpf.overflow import Counted
from listenwatch.call.header import Header
from listenwatch.conformance.histories.campaign import Campaign, Failure
from listenwatch.conformance.identify.identified import identify
from listenwatch.conformance.run import Equality, Tally
from listenwatch.guests.kernels import KernelOffer
from listenwatch.labs.attempt import Goal
from listenwatch.labs.catalogue import choose as exercise
from listenwatch.labs.grading import Grade
from listenwatch.labs.text import grade_line
from listenwatch.linux.cgroup_owner import Container, Owner, Pod
from listenwatch.linux.netns import Namespace
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.model.inputs import EntryPath
from listenwatch.model.kernels import behaviour_for
from listenwatch.overflow.counters import CounterComparison
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.overflow.listeners import CountedListener
from listenwatch.overflow.watch import NotCounted, OverflowSummary, event_of
from listenwatch.report.answers_json import judgement_lines
from listenwatch.report.behaviour_json import behaviour_line
from listenwatch.report.guests_json import offer_line
from listenwatch.report.identify_json import identified_line
from listenwatch.report.json_sinks import summary_line as calls_line
from listenwatch.report.listeners_json import json_lines
from listenwatch.report.matrix.files import json_lines as matrix_lines
from listenwatch.report.overflow_json import event_line, summary_line
from listenwatch.report.runs.json_lines import call_lines
from listenwatch.report.runs.json_lines import summary_line as run_line
from listenwatch.report.schemas import choose, published
from listenwatch.session.source import Missing
from listenwatch.sockets.advice import advise
from listenwatch.sockets.diagnosis import diagnose
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.look import DiagnosedListener
from listenwatch.sockets.sampling import Sample, SampledListener
from listenwatch.verdict.summary import Summary
from tests.helpers.answers import GVISOR, judged
from tests.helpers.answers import recorded as recorded_answers
from tests.helpers.calls import KERNEL, recorded
from tests.helpers.contract import fits, validator
from tests.helpers.identifying import VENDORS, simulated
from tests.helpers.matrices import bad, gone, good, matrix
from tests.helpers.scenarios import AGREED, DISAGREED, FAILED, SETTING, SKIPPED, scenario_run

HOSTILE = "\x1b[31m\udcff\\\n\"</script>"
HERE = Namespace(4026531840, Path("/proc/self/ns/net"), (HOSTILE,))
ODD = "\x1b[31m\\\n\"</script>"
"""As a text that was decoded strictly can be."""
OWNER = Owner(r"a\x2db.service", Container("docker", "0123456789ab" + 52 * "c", ODD), Pod("uid", "web"))
"""Whose a process is; such texts are plain, whatever a cgroup is called (linux/cgroup_owner.py)."""
ADDRESS = HOSTILE.encode("utf-8", "surrogateescape")


def row(*, known: bool) -> ListenerRow:
    """A listener that is full and clamped; or one of which nothing is known but that it is there."""
    holders = (Process(7, 1764331200.01, HOSTILE, HOSTILE, 1, OWNER),) if known else ()
    listener = Listener("tcp", 2, "0.0.0.0", 80, 0, 129, 128, 4242, 9, 0, 3032)
    nowhere = Listener("unix", 1, "", 0, 0, 0, 0, 0, 2**63, None)
    return ListenerRow(listener if known else nowhere, HERE, 128 if known else None, holders, 1)


def diagnosed(*, known: bool) -> DiagnosedListener:
    here = row(known=known)
    diagnosis = diagnose(here, behaviour_for((6, 1, 0)), 511 if known else None)
    advice = advise(here, diagnosis, (6, 1, 0), 511 if known else None)
    return DiagnosedListener(here, diagnosis, 511 if known else None, advice)


def listeners() -> list[dict[str, Any]]:
    sampled = [SampledListener(diagnosed(known=True), 2 / 3), SampledListener(diagnosed(known=False), None)]
    unseen = ["the namespaces of 3 processes, not permitted"]
    return [json.loads(line) for line in json_lines(Sample(1_764_331_200_123_456_789, sampled, 5, unseen, 2))]


def refused() -> list[dict[str, Any]]:
    """Losses of a listener that is known, of one that is gone, of an AF_UNIX one; and what it all came to."""
    counts = [
        Counted(4, 1, HERE.inode, 80, 2, OverflowKind.SYN_ACCEPT_QUEUE_FULL, bytes(112), 5, 9, 129, 128, 1, 1, 4, 1),
        Counted(0, 0, HERE.inode, 80, 2, OverflowKind.ACK_DROPPED, bytes(112), 5, 0, 0, 0, 0, 1, 4, 0),
        Counted(0, 0, HERE.inode, len(ADDRESS), 1, OverflowKind.UNIX_EAGAIN, ADDRESS.ljust(112, b"\0"), 1, 0, 0, 0, 0, 1, 1, 0),
    ]
    rows = [row(known=True), None, None]
    events = [
        event_of(10**18, counted, CountedListener(found), counted.times, counted.peers)
        for counted, found in zip(counts, rows, strict=True)
    ]
    missed = NotCounted(3, [(HERE.inode, 2)], [12], (13,))
    counters = [CounterComparison(HERE, "ListenDrops", 5, 8, 2)]
    summary = OverflowSummary(10**18, 2.0, "kprobe", events, counters, [diagnosed(known=True)], missed)
    return [*map(dict, map(event_line, events)), dict(summary_line(summary, "not seen: processes"))]


def verified() -> list[dict[str, Any]]:
    """A call, one without a record, and the summaries of scenarios and of histories."""
    (disagreed,) = DISAGREED.calls
    (agreed,) = AGREED.calls
    assert agreed.call
    call = agreed._replace(call=agreed.call._replace(address=bytes(4)))
    scenarios = scenario_run(AGREED, DISAGREED, SKIPPED, lost=2)
    equal = replace(scenarios, equality=Equality("core kprobe", 1, 0))
    tally = Tally([disagreed.verdict])
    failure = Failure(17, (), (), (disagreed,))
    histories = Campaign(SETTING, KERNEL, 0, 1, 5, 1.5, tally, Counter(), (17,), (failure,), {"3": ODD})
    lines = [*call_lines(SETTING, AGREED._replace(calls=(call,))), *call_lines(SETTING, DISAGREED)]
    return [*lines, *(dict(run_line(run)) for run in (scenarios, equal, histories))]


def of_matrix() -> list[dict[str, Any]]:
    return [json.loads(line) for line in matrix_lines(matrix(good(), bad(), gone()))]


def watched() -> list[dict[str, Any]]:
    """A recording, and the summary of a watch that missed this and that."""
    header = Header(KERNEL, "tracepoint", (EntryPath.COMPAT, EntryPath.IO_URING))
    summary = calls_line(Summary(1, 0, 0, 0, 2), Missing(2, 1, 3, "file:3: cut"), header, ["fastopen"])
    return [*map(json.loads, recorded(lost=3).splitlines()), dict(summary)]


def marked() -> list[dict[str, Any]]:
    goals = (Goal(2, "it listens", True, ""), Goal(3, "with 5", False, ODD))
    grades = (Grade(exercise("2"), goals, error=ODD), Grade(exercise("2"), skip="no kprobes"))
    return [dict(grade_line(grade)) for grade in grades]


def identified() -> list[dict[str, Any]]:
    """A kernel with a backport, the file of it, and one that no documented behaviour explains."""
    behaviour, kernel = VENDORS["el8-240"]
    like = identify(simulated(behaviour)[::3], kernel)
    results = [AGREED._replace(calls=AGREED.calls * 2), SKIPPED, FAILED]
    (disagreed,) = DISAGREED.calls
    unlike = replace(like, disagreeing=((ODD, disagreed),))
    lines = [identified_line(kernel_found, scenario_run(*results, lost=1)) for kernel_found in (like, unlike)]
    return [*map(dict, lines), dict(behaviour_line(like.behaviour, kernel))]


def offered() -> list[dict[str, Any]]:
    offer = KernelOffer(series="6.1", version="6.1.192-2", suite="bookworm", package="linux-image", cached=True)
    return [dict(offer_line(offer))]


def printed(*arguments: str) -> list[dict[str, Any]]:
    """What a command that needs no privilege prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(list(arguments)) in (0, 3)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def calculated() -> list[dict[str, Any]]:
    kernels = "2.6.20,4.3,5.15,6.1,7.3"
    cases = (("511",), ("0", "--syncookies", "0"), ("-1", "--unbound"), ("5", "--relisten", "3"), ("2147483647",))
    families = ("tcp", "unix")
    calls = [(family, case) for family in families for case in cases]
    return [
        line
        for family, case in calls
        for line in printed("predict", "--json", "--compare", kernels, "--family", family, "--backlog", *case)
    ]


def declared() -> list[dict[str, Any]]:
    return printed("check", "--json", "--server", "all", "--kernel", "5.3")


def judged_answers() -> list[dict[str, Any]]:
    """A disagreement with all that a difference can say, and the summary."""
    judgement = judged(recorded_answers(GVISOR), "6.18")
    return [json.loads(line) for line in judgement_lines(judgement, ODD)]


OUTPUTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "sockets": listeners, "overflow": refused, "verify": verified, "matrix": of_matrix, "watch": watched,
    "judge": judged_answers, "lab": marked, "guest": offered, "check": declared, "predict": calculated, "features": lambda: printed("features", "--json"),
    "identify": identified,
    "rules": lambda: [*printed("rules", "--json"), *printed("rules", "--json", "--eras")],
}  # fmt: skip


@pytest.mark.parametrize("command", OUTPUTS)
def test_what_is_printed_fits(command: str) -> None:
    lines = OUTPUTS[command]()
    assert lines
    for line in lines:
        fits(json.loads(json.dumps(line)))


def test_every_schema_has_an_output() -> None:
    printed_by_any = {line["schema"] for output in OUTPUTS.values() for line in output()}
    assert printed_by_any == {schema.identity for schema in published()} - {"listenwatch/recording/2"}


def objects(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every object of a line that its schema describes key by key, with that description."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema and "properties" not in schema:
        schema = schema["anyOf"][0]
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, dict) and "properties" in schema:
        yield value, schema
        for key, inner in value.items():
            yield from objects(inner, schema["properties"][key], root)
    elif isinstance(value, list) and "items" in schema:
        for inner in value[:1]:
            yield from objects(inner, schema["items"], root)


def first_of_each(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each kind the longest line: it has most in it."""
    by_kind: dict[str, dict[str, Any]] = {}
    for line in sorted(lines, key=lambda line: len(json.dumps(line))):
        by_kind[line["schema"]] = json.loads(json.dumps(line))
    return list(by_kind.values())


@pytest.mark.parametrize("command", OUTPUTS)
def test_a_key_less_and_a_key_more_do_not_fit(command: str) -> None:
    for line in first_of_each(OUTPUTS[command]()):
        judge, root = validator(line["schema"]), json.loads(choose(line["schema"]).text)
        assert judge.is_valid(line)
        for owner, described in objects(line, root, root):
            owner["strange"] = 1
            assert not judge.is_valid(line), (line["schema"], list(owner))
            del owner["strange"]
            for key in described.get("required", ()):
                kept = copy.copy(owner)
                del owner[key]
                assert not judge.is_valid(line), (line["schema"], key)
                owner.update(kept)
        assert judge.is_valid(line)


TIMES = ("time", "started", "start")


@pytest.mark.parametrize("command", OUTPUTS)
def test_times_are_in_utc_with_their_date(command: str) -> None:
    """Whatever key it has: no text in a line looks like a time of day and is not one of these."""
    for line in OUTPUTS[command]():
        for key, value in values(line):
            if key in TIMES:
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", value), (key, value)
            elif isinstance(value, str):
                assert not re.fullmatch(r"(\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d.*", value), (key, value)


def values(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a line with its key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from values(inner, key)
    else:
        yield key, value


@pytest.mark.parametrize("command", ["watch", "overflow", "verify", "matrix"])
def test_each_line_of_a_stream_has_a_reason(command: str) -> None:
    """So that the help's recipe, jq .reason, prints no null."""
    for line in OUTPUTS[command]():
        assert isinstance(line.get("reason"), str) or line["schema"] == "listenwatch/recording/3"


def test_what_is_missing_is_in_the_summary() -> None:
    *_, summary = watched()
    assert (summary["summary"]["left_out"], summary["summary"]["in_flight"]) == (3, 1)
    texts = " | ".join(summary["summary"]["incomplete"])
    for part in ("file:3: cut", "2 calls have no record", "for 3 calls on this machine", "by 32-bit programs, by io_uring"):
        assert part in texts
    *_, last = refused()
    assert (len(last["summary"]["incomplete"]), last["summary"]["namespaces_ended"]) == (4, 1)
    assert listeners()[-1]["summary"] == {
        "listeners": 2, "total": 5, "namespaces_ended": 2, "incomplete": ["the namespaces of 3 processes, not permitted"],
    }  # fmt: skip


def test_a_unit_is_named_as_systemctl_names_it() -> None:
    holder = listeners()[0]["processes"][0]
    assert (holder["unit"], holder["container"]["name"]) == (r"a\x2db.service", ODD)


def test_a_name_is_kept_byte_for_byte() -> None:
    """As in a call: read back it is what the program chose, whatever that was."""
    (first, *_), (loss, *_) = listeners(), refused()
    for line in (first, loss):
        assert line["comm"] == line["processes"][0]["comm"] == "\x1b[31m\\xff\\\\\n\"</script>"
        json.dumps(line, ensure_ascii=False).encode()
