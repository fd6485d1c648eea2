"""The HTML report: all there, one file, and nothing a program chose can break out of its place."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from typing import Any

import pytest

from listenwatch.call.record import ListenCall, StageRecord
from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.harness.judging import judge_pair
from listenwatch.conformance.matrix.results import GUEST, KernelRun, kernel_run
from listenwatch.conformance.run import Result
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import EntryPath, Request
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from listenwatch.report.html import html_report
from listenwatch.report.page.calls import panel_data
from listenwatch.report.page.cards import conclusion, coverage, exercised
from listenwatch.report.page.differ import differences
from listenwatch.report.page.different import different_facts
from listenwatch.report.page.grid import rows
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.difference import Difference, Where, Witness
from tests.helpers import make
from tests.helpers.eras import LINUX_5_10, LINUX_7_3
from tests.helpers.pages import GONE, HOSTILE, KERNELS, Page, matrix, ran
from tests.helpers.scenarios import (
    AGREED,
    DISAGREED,
    FAILED,
    KERNEL,
    SKIPPED,
    issued,
    record,
)

TRACEPOINT = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


def also(first: KernelRun, second: KernelRun) -> KernelRun:
    """One kernel with the modes of both."""
    return first._replace(lines=[*first.lines, *second.lines], runs=first.runs + second.runs)


def result_of(name: str, *calls: ListenCall) -> Result:
    """A scenario that made these calls."""
    judged = (judge_pair((issued(backlog=call.backlog), call), LINUX_7_3) for call in calls)
    return Result(name, tuple(judged))


def data_of(page: str) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found and not set("<>&") & set(found[1])
    data: dict[str, Any] = json.loads(found[1])
    return data


# -- what is there


def test_every_scenario_and_every_kernel_is_there() -> None:
    page = Page(html_report(KERNELS))
    assert page.all("tr", "data-name") == ["good", "bad", "skipped", "failed"]
    assert page.all("tr", "data-words") == ["AGREE", "DISAGREE", "SKIP", "ERROR"]
    assert page.all("button", "data-kernel") == ["6.1", "7.3 here", "6.1", "6.1", "6.1"]
    assert page.all("button", "aria-label")[:3] == [
        "6.1 good: kprobe AGREE",
        "7.3 here good: kprobe AGREE",
        "6.1 bad: kprobe DISAGREE",
    ]
    assert page.texts["i"].count("✗") == 2, "in its cell and in the legend"


def test_the_scenarios_of_the_catalogue_are_grouped_by_file() -> None:
    results = [AGREED._replace(scenario=one.name) for one in all_scenarios()]
    page = Page(html_report(matrix(ran("6.1", *results))))
    assert page.all("tr", "data-name") == [one.name for one in all_scenarios()]
    files = list(dict.fromkeys(one.file for one in all_scenarios()))
    assert page.all("button", "aria-controls") == [f"group-{file}" for file in files]
    assert set(page.all("button", "aria-controls")) <= set(page.all("tbody", "id"))


def test_a_kernel_that_could_not_be_run_is_shown_first_with_the_reason() -> None:
    text = html_report(KERNELS)
    page = Page(text)
    assert page.all("article", "class") == ["card failed", "card", "card"]
    assert "no suite of the mirror has it" in page.texts["pre"]
    assert "could not be run: 6.12" in page.texts["p"]
    assert text.count('title="6.12: not run"') == 4, "and in each row of the grid"


def test_random_histories_have_no_grid() -> None:
    summary = {
        **dict.fromkeys(("agree", "inconclusive", "unmodelled", "lost"), 0),
        "disagree": 1,
        "histories": 7,
        "seed": 1,
        "seconds": 1.0,
        "reasons": {},
        "disagreeing": [3],
        "errors": {},
        "not_run": 0,
        "rules": {},
        "backlog_rules": {},
        "failures": [
            {
                "history": 3,
                "smallest": None,
                "program": [[0, "listen", 0, 5]],
                "reasons": ["result: other"],
            }
        ],
        "engine": "core",
        "attach": "kprobe",
        "why": "asked for",
        "behaviour": "as is",
        "kernel": KERNEL._asdict(),
    }
    page = Page(html_report(matrix(kernel_run("7.3", GUEST, 1.0, [{"schema": "listenwatch/histories-summary/1", "summary": summary}]))))
    assert ("section", {"aria-label": "Scenarios", "hidden": ""}) in page.elements
    assert "0 listen 0 5" in page.texts["pre"]
    assert "result: other" in page.texts["p"]


@pytest.mark.parametrize(
    ("kernels", "kind", "said"),
    [
        ((ran("7.3", AGREED),), "good", "Every call that was compared agrees"),
        ((ran("7.3", DISAGREED, AGREED),), "bad", "1 call disagrees with the model."),
        ((ran("7.3", AGREED), GONE), "open", "Nothing disagrees; could not be run: 6.12."),
        (
            (ran("7.3", FAILED),),
            "open",
            "Nothing disagrees; scenarios that failed by themselves: 1.",
        ),
        ((ran("7.3", SKIPPED),), "open", "Nothing was compared."),
        ((), "open", "Nothing was compared."),
    ],
)
def test_the_conclusion_is_of_one_mind_with_the_exit_status(
    kernels: tuple[KernelRun, ...], kind: str, said: str
) -> None:
    assert conclusion(matrix(*kernels))[0] == kind
    assert said in conclusion(matrix(*kernels))[1]
    assert (matrix(*kernels).status() == 0) is (kind == "good")


def test_rules_are_counted_once_for_all_modes_and_those_never_met_are_named() -> None:
    both = also(
        ran("7.3", AGREED, result_of("more", record())), ran("7.3", AGREED, mode="tracepoint")
    )
    assert exercised(both, Rule.LISTENS) == 2
    shown = Page(html_report(matrix(both))).texts["p"]
    assert f"1 of {len(Rule)} exercised. Never exercised: bad-descriptor, not-a-socket, " in shown
    assert " listens," not in shown


def test_recorded_kernels_have_columns_that_say_so() -> None:
    """Beside those that ran, and never counted among them."""
    (rules, backlog) = coverage([ran("7.3", AGREED)])
    assert rules.old == backlog.old and {"2.6.24", "5.9.1"} < set(rules.old)
    assert rules.recorded[Rule.PORT_FAILURE_LOST][rules.old.index("4.14.303")]
    assert Rule.PORT_FAILURE_LOST.value in rules.never
    assert sum(map(sum, backlog.recorded.values())) == sum(map(sum, rules.recorded.values())) > 4000
    shown = html_report(matrix(ran("7.3", AGREED)))
    assert '<th scope="col">2.6.24 <em>recorded</em></th>' in shown


# -- the calls behind a cell


def rows_of(call: ListenCall) -> dict[str, list[Any]]:
    data = panel_data([ran("7.3", result_of("one", call))])
    numbers = data["calls"][data["cells"]["7.3"]["one"][0][3][0]]["rows"]
    return {label: rest for label, *rest in (data["rows"][number] for number in numbers)}


def test_stages_stand_in_order_predicted_beside_observed() -> None:
    rows = rows_of(record(backlog=5))
    assert list(rows)[:4] == [
        "the call begins",
        "security_socket_listen",
        "security_socket_listen returns",
        "inet_listen",
    ]
    assert rows["the call begins"] == ["given", ["backlog 5", 0, 0, "CLOSE"], []]
    assert rows["inet_hash"][:1] == [["by inet_hash", 5, 0, "LISTEN"]]
    assert rows["inet_hash"][0] == rows["inet_hash"][1]
    assert rows["state back to CLOSE"] == ["not reached", "not reached", []]
    assert rows["the call returns"] == [["= 0", 5, None, "LISTEN"], ["= 0", 5, 0, "LISTEN"], []]


def test_a_stage_the_mode_cannot_see_is_not_called_unreached() -> None:
    call = record()
    kept: dict[int, StageRecord] = {StageIndex.STATE_LISTEN: call.stages[StageIndex.STATE_LISTEN]}
    rows = rows_of(call._replace(hooks=TRACEPOINT, stages=kept))
    assert rows["inet_hash"][1] == "not visible"
    assert rows["state back to CLOSE"] == ["not reached", "not reached", []]


@pytest.mark.parametrize(("behaviour", "passed"), [(LINUX_5_10, False), (LINUX_7_3, True)])
def test_a_function_that_a_kernel_has_not_is_not_predicted(behaviour: Behaviour, passed: bool) -> None:
    """``__inet_listen_sk()`` came with 6.6."""
    judged = judge_pair((issued(backlog=5), record(backlog=5)), behaviour)
    data = panel_data([ran("6.1", Result("one", (judged,)))])
    rows = {label: rest for label, *rest in data["rows"]}
    assert (rows["__inet_listen_sk"][0] != "not reached") == passed


def test_what_differs_is_marked_where_it_differs() -> None:
    call = record(backlog=5)
    hashed = call.stages[StageIndex.HASH]._replace(max_ack_backlog=4)
    post = call.post._replace(max_ack_backlog=4)
    stages: dict[int, StageRecord] = {**call.stages, StageIndex.HASH: hashed}
    del stages[StageIndex.LISTEN_START]
    rows = rows_of(call._replace(stages=stages, post=post))
    assert rows["inet_hash"] == [
        ["by inet_hash", 5, 0, "LISTEN"],
        ["by inet_hash", 4, 0, "LISTEN"],
        [1],
    ]
    assert rows["inet_csk_listen_start"][1:] == ["not reached", [0, 1, 2, 3]]
    assert rows["the call returns"][2] == [1]
    assert rows["inet_listen"][2] == []


def test_a_call_without_a_record_keeps_its_reason() -> None:
    data = panel_data([ran("7.3", DISAGREED)])
    [[mode, word, note, [number]]] = data["cells"]["7.3"]["bad"]
    assert (mode, word, note) == ("kprobe", "DISAGREE", "")
    assert "has no record" in data["calls"][number]["reason"]
    assert "rows" not in data["calls"][number]


def test_why_it_was_skipped_or_failed_is_behind_the_cell() -> None:
    cells = panel_data(KERNELS.kernels)["cells"]["6.1"]
    assert cells["skipped"] == [["kprobe", "SKIP", "needs TLS: no such module", []]]
    assert cells["failed"][0][1:3] == ["ERROR", "Traceback\nValueError: broken"]


def test_what_is_the_same_is_kept_once() -> None:
    one = panel_data([ran("7.3", AGREED)])
    both = panel_data([ran("7.3", AGREED), ran("6.1", AGREED, result_of("again", record()))])
    assert (both["calls"], both["rows"]) == (one["calls"], one["rows"])


def test_a_whole_matrix_stays_below_5_megabytes() -> None:
    """A sixth of the scenarios in a sixth of the size: the page grows with them, and rendering all is slow."""
    results = [
        result_of(s.name, *(record(backlog=backlog + number) for backlog in range(3)))._replace(scenario=s.name)
        for number, s in enumerate(all_scenarios())
        if number % 6 == 0
    ]
    modes = [ran("x", *results, mode=mode) for mode in ("kprobe", "fentry", "tracepoint")]
    whole = also(also(modes[0], modes[1]), modes[2])
    kernels = (whole._replace(series=f"6.{number}") for number in range(6))
    assert len(html_report(matrix(*kernels))) < 5_000_000 / 6


# -- differences between kernels


def test_another_hash_function_and_another_rule_are_told() -> None:
    request = Request(EntryPath.SYSCALL, True, True, 5)
    old = LINUX_7_3.replace(ipv6_hash="inet6_hash")
    calls = [
        make.observe(
            request,
            make.TCP6,
            make.environment(),
            make.outcome(make.TCP6, backlog=5, behaviour=behaviour),
        )._replace(fd=3)
        for behaviour in (old, LINUX_7_3)
    ]
    refused = make.observe(
        request,
        make.TCP6,
        make.environment(),
        make.outcome(make.TCP6, backlog=5, knowledge=make.TAKEN),
    )._replace(fd=3)
    kernels = [
        ran(name, result_of("one", c)) for name, c in zip(("6.1", "7.3"), calls, strict=True)
    ]
    [found] = differences("one", kernels)
    assert str(found) == "inet_hash: by inet6_hash on 6.1; by inet_hash on 7.3"
    assert found.calls == (1,)
    assert found.apart == {"6.1"}, "of equally common values the last kernel's is the usual one"
    kernels.append(
        ran(
            "7.4",
            Result(
                "one", (judge_pair((issued()._replace(error=98), refused), LINUX_7_3),)
            ),
        )
    )
    shown = [str(each) for each in differences("one", kernels)]
    assert "errno: none on 6.1, 7.3; EADDRINUSE on 7.4" in shown
    assert "inet_hash: reached on 6.1, 7.3; not reached on 7.4" in shown
    page = Page(html_report(matrix(*kernels)))
    assert page.all("tr", "data-differs") == [""]
    assert "apart" in page.all("td", "class")


def test_what_a_mode_cannot_see_is_no_difference() -> None:
    call = record()
    kept: dict[int, StageRecord] = {StageIndex.STATE_LISTEN: call.stages[StageIndex.STATE_LISTEN]}
    blind = call._replace(hooks=TRACEPOINT, stages=kept)
    assert (
        differences(
            "one", [ran("6.1", result_of("one", call)), ran("7.3", result_of("one", blind))]
        )
        == []
    )
    assert differences("good", [ran("6.1", AGREED), ran("7.3", SKIPPED), GONE]) == []


def test_calls_that_asked_for_other_backlogs_are_not_compared() -> None:
    first, second = (
        ran(name, result_of("one", *(record(backlog=backlog) for backlog in backlogs)))
        for name, backlogs in (("6.1", (1, 2)), ("7.3", (2, 1)))
    )
    assert differences("one", [first, second]) == []
    fewer = ran("7.4", result_of("one", record(backlog=1)))
    assert [str(each) for each in differences("one", [first, fewer])] == [
        "calls: 2 on 6.1; 1 on 7.4"
    ]


def outcomes_of(*kernels: KernelRun) -> list[tuple[str, dict[str, str], set[str], list[str]]]:
    facts = different_facts(rows(matrix(*kernels)))
    return [(f.what, f.values, set(f.apart), list(f.scenarios)) for f in facts if f.is_outcome]


def test_what_differs_comes_once_with_every_scenario_that_shows_it() -> None:
    two = Result("two", AGREED.calls)
    first, second = ran("6.1", AGREED, two), ran("7.3", SKIPPED._replace(scenario="good"), two)
    assert outcomes_of(first, second, ran("7.4", AGREED, two)) == [
        ("verdict", {"6.1": "AGREE", "7.3": "SKIP", "7.4": "AGREE"}, {"7.3"}, ["good"])
    ]
    other = [result_of(name, record(backlog=5), record(backlog=6)) for name in ("one", "two")]
    same = [result_of(name, record(backlog=5)) for name in ("one", "two")]
    assert outcomes_of(ran("6.1", *same), ran("7.3", *other), ran("7.4", *other)) == [
        ("calls", {"6.1": "1", "7.3": "2", "7.4": "2"}, {"6.1"}, ["one", "two"])
    ]


def test_the_page_opens_with_what_differs_and_links_to_the_calls() -> None:
    kernels = ran("6.1", AGREED), ran("7.3", result_of("good", record(), record()))
    page = Page(html_report(matrix(*kernels)))
    assert page.all("section", "aria-label")[:2] == ["Totals", "What differs"]
    assert [address for address in page.all("a", "href") if address[0] == "#"] == ["#6.1/good"]
    assert "Nothing that a program can notice" in html_report(matrix(ran("6.1", AGREED), ran("7.3", AGREED)))
    assert "What differs" not in Page(html_report(matrix(ran("6.1", AGREED)))).all("section", "aria-label")


def test_the_grid_is_exported_as_a_spreadsheet_that_calculates_nothing() -> None:
    named = [AGREED, DISAGREED._replace(scenario="=1+1")]
    kernels = ran("6.1", *named), ran("7.3", AGREED, mode="fentry")
    [address] = [each for each in Page(html_report(matrix(*kernels))).all("a", "href") if each[0] != "#"]
    text = base64.b64decode(address.removeprefix("data:text/csv;charset=utf-8;base64,")).decode()
    assert list(csv.reader(io.StringIO(text))) == [
        ["group", "scenario", "6.1 kprobe", "7.3 fentry", "differs between kernels"],
        ["other", "good", "AGREE", "AGREE", ""],
        ["other", "'=1+1", "DISAGREE", "", ""],
    ]


# -- one file, and safe


def test_nothing_is_fetched() -> None:
    text = html_report(KERNELS)
    page = Page(text)
    assert not re.search(r"https?:|url\(|@import|\bimport\b", text)
    attributes = {name for _, attrs in page.elements for name in attrs}
    assert all(address.startswith(("#", "data:text/csv;")) for address in page.all("a", "href"))
    assert not attributes & {"src", "action", "srcset", "poster", "style"}
    assert not {name for name in attributes if name.startswith("on")}
    assert not page.tags & {"link", "iframe", "object", "embed", "base", "form", "img"}


def test_the_policy_lets_only_this_script_and_style_run() -> None:
    text = html_report(KERNELS)
    policy = Page(text).all("meta", "content")[0]
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    hashes = [
        base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in (style, script)
    ]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    )
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_hostile_strings_do_not_break_out() -> None:
    [judged] = AGREED.calls
    verdict = judged.verdict._replace(
        kind=VerdictKind.DISAGREE,
        differences=(Difference(Where.CALL, HOSTILE, HOSTILE, None, Witness.ENGINE),),
    )
    results = (
        Result(HOSTILE, (judged._replace(verdict=verdict),)),
        SKIPPED._replace(skip=HOSTILE),
        FAILED._replace(error=HOSTILE),
    )
    hostile = ran(HOSTILE, *results, behaviour=HOSTILE, why=HOSTILE)
    text = html_report(matrix(hostile, GONE._replace(problem=HOSTILE)))
    page = Page(text)
    assert page.tags == Page(html_report(KERNELS)).tags
    assert not set("\x1b\u202e\x00") & set(text)
    shown = HOSTILE[:-6] + r"\x1b[2J\u202e\x00"
    assert page.all("tr", "data-name")[0] == shown
    data = data_of(text)
    [[_, word, _, [number]]] = data["cells"][shown][shown]
    reason = f"{shown} against the first engine: the probe saw {shown}, the other witness None"
    assert (word, data["calls"][number]["reason"]) == ("DISAGREE", reason)
    assert shown in data["scenarios"], "the panel finds the scenario by the name in the row"
    assert page.all("button", "data-kernel")[0] in data["cells"]
