"""The HTML report: all there, one file, and nothing a program chose can break out of its place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from listenwatch.matrix.results import GUEST, HERE, KernelRun, Matrix, kernel_run
from listenwatch.model.behaviour import LINUX_7_3
from listenwatch.model.inputs import Door, Family, Request
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from listenwatch.record import ListenCall, Stage
from listenwatch.report.html import html_report
from listenwatch.report.page.calls import panel_data
from listenwatch.report.page.cards import conclusion
from listenwatch.report.page.coverage import exercised
from listenwatch.report.page.differ import differences
from listenwatch.report.page.markup import Markup, element, joined
from listenwatch.report.witnesses import call_lines
from listenwatch.scenarios.catalogue import all_scenarios
from listenwatch.scenarios.judging import Judged, judge_pair
from listenwatch.scenarios.runner import Result
from listenwatch.verdict import Kind
from tests.unit import make
from tests.unit.test_scenarios import (
    AGREED,
    DISAGREED,
    FAILED,
    SETTING,
    SKIPPED,
    issued,
    record,
    scenario,
    verification,
)

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{policy}<!--\x1b[2J\u202e\x00"
VOID = {"meta", "input"}
TRACEPOINT = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


class Page(HTMLParser):
    """A page, read as a browser would: its elements in order, and the text of each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, "every element ends"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> ends another element"

    def handle_data(self, data: str) -> None:
        kind = self._open[-1] if self._open else ""
        self.texts[kind] = self.texts.get(kind, "") + data

    def all(self, tag: str, attribute: str) -> list[str]:
        """An attribute of every element that has it."""
        return [
            attrs[attribute] for name, attrs in self.elements if name == tag and attribute in attrs
        ]

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def ran(series: str, *results: Result, source: str = GUEST, **setting: Any) -> KernelRun:
    """A kernel's run, through the JSON lines that ``verify`` prints."""
    setting = {**SETTING, "kernel": f"{series} x86_64", "mode": "kprobe", **setting}
    summary = verification(*results)._replace(setting=setting).as_json()
    known = {"release": f"{series}.0", "version": [7, 3, 0], "machine": "x86_64", "has": {}}
    addressed = [result._replace(calls=tuple(map(_addressed, result.calls))) for result in results]
    lines = [line for result in addressed for line in call_lines(result, "core", setting["mode"])]
    lines.append({"summary": {**summary, "recorded_on": known}})
    return kernel_run(series, source, 12.3, json.loads(json.dumps(lines)))


def _addressed(judged: Judged) -> Judged:
    """The same with the address that a record of a real call has."""
    call = judged.call
    size = 16 if call and call.pre.family == Family.INET6 else 4
    return judged._replace(call=call._replace(address=bytes(size))) if call else judged


def also(first: KernelRun, second: KernelRun) -> KernelRun:
    """One kernel with the modes of both."""
    return first._replace(lines=[*first.lines, *second.lines], modes=first.modes + second.modes)


def matrix(*kernels: KernelRun) -> Matrix:
    return Matrix(kernels, "2026-11-25T03:40:11Z", 431.2)


def result_of(name: str, *calls: ListenCall) -> Result:
    """A scenario that made these calls."""
    judged = (judge_pair((issued(backlog=call.backlog), call), LINUX_7_3) for call in calls)
    return Result(scenario(name), tuple(judged))


GONE = kernel_run("6.12", GUEST, 3.0, [], "no suite of the mirror has it")
KERNELS = matrix(
    ran("6.1", AGREED, DISAGREED, SKIPPED, FAILED), GONE, ran("7.3", AGREED, source=HERE)
)


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
    results = [AGREED._replace(scenario=one) for one in all_scenarios()]
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
        "errors": {},
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
        **SETTING,
        "mode": "kprobe",
        "recorded_on": {"release": "7.3.0", "version": [7, 3, 0]},
    }
    page = Page(html_report(matrix(kernel_run("7.3", GUEST, 1.0, [{"summary": summary}]))))
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
    assert exercised(both, "rules", Rule.LISTENS.value) == 2
    told = Page(html_report(matrix(both))).texts["p"]
    assert f"1 of {len(Rule)} exercised. Never exercised: bad-descriptor, not-a-socket, " in told
    assert " listens," not in told


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
    kept: dict[int, Stage] = {StageIndex.STATE_LISTEN: call.stages[StageIndex.STATE_LISTEN]}
    rows = rows_of(call._replace(hooks=TRACEPOINT, stages=kept))
    assert rows["inet_hash"][1] == "not visible"
    assert rows["state back to CLOSE"] == ["not reached", "not reached", []]


def test_what_differs_is_marked_where_it_differs() -> None:
    call = record(backlog=5)
    hashed = call.stages[StageIndex.HASH]._replace(max_ack_backlog=4)
    post = call.post._replace(max_ack_backlog=4)
    stages: dict[int, Stage] = {**call.stages, StageIndex.HASH: hashed}
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
    results = [
        result_of(one.name, *(record(backlog=backlog + number) for backlog in range(3)))._replace(
            scenario=one
        )
        for number, one in enumerate(all_scenarios())
    ]
    modes = [ran("x", *results, mode=mode) for mode in ("kprobe", "fentry", "tracepoint")]
    whole = also(also(modes[0], modes[1]), modes[2])
    kernels = (whole._replace(series=f"6.{number}") for number in range(6))
    assert len(html_report(matrix(*kernels))) < 5_000_000


# -- differences between kernels


def test_another_hash_function_and_another_rule_are_told() -> None:
    request = Request(Door.SYSCALL, True, True, 5)
    old = LINUX_7_3._replace(ipv6_hash="inet6_hash")
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
                scenario("one"), (judge_pair((issued()._replace(error=98), refused), LINUX_7_3),)
            ),
        )
    )
    told = [str(each) for each in differences("one", kernels)]
    assert "errno: none on 6.1, 7.3; EADDRINUSE on 7.4" in told
    assert "inet_hash: reached on 6.1, 7.3; not reached on 7.4" in told
    page = Page(html_report(matrix(*kernels)))
    assert page.all("tr", "data-differs") == [""]
    assert "apart" in page.all("td", "class")


def test_what_a_mode_cannot_see_is_no_difference() -> None:
    call = record()
    kept: dict[int, Stage] = {StageIndex.STATE_LISTEN: call.stages[StageIndex.STATE_LISTEN]}
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


# -- one file, and safe


def test_nothing_is_fetched() -> None:
    text = html_report(KERNELS)
    page = Page(text)
    assert not re.search(r"https?:|url\(|@import|\bimport\b", text)
    attributes = {name for _, attrs in page.elements for name in attrs}
    assert not attributes & {"src", "href", "action", "srcset", "poster", "style"}
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
    verdict = judged.verdict._replace(reason=HOSTILE, kind=Kind.INCONCLUSIVE)
    results = (
        Result(scenario(HOSTILE), (judged._replace(verdict=verdict),)),
        SKIPPED._replace(skip=HOSTILE),
        FAILED._replace(error=HOSTILE),
    )
    hostile = ran(HOSTILE, *results, behaviour=HOSTILE, attach=HOSTILE)
    text = html_report(matrix(hostile, GONE._replace(problem=HOSTILE)))
    page = Page(text)
    assert page.tags == Page(html_report(KERNELS)).tags
    assert not set("\x1b\u202e\x00") & set(text)
    shown = HOSTILE[:-6] + r"\x1b[2J\u202e\x00"
    assert page.all("tr", "data-name")[0] == shown
    data = data_of(text)
    [[_, word, _, [number]]] = data["cells"][shown][shown]
    assert (word, data["calls"][number]["reason"]) == ("INCONCLUSIVE", shown)
    assert shown in data["scenarios"], "the panel finds the scenario by the name in the row"
    assert page.all("button", "data-kernel")[0] in data["cells"]


def test_markup_escapes_what_is_not_markup() -> None:
    assert element("p", "<b>", Markup("<i></i>"), class_='"', hidden=True, title=None) == (
        '<p class="&quot;" hidden>&lt;b&gt;<i></i></p>'
    )
    assert joined("a\x00&", "\n") == "a\\x00&amp;\n"
