"""What a matrix shows: the grid on a terminal, JUnit XML and KTAP parsed back, JSON lines, vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from listenwatch.call.recording import Recording
from listenwatch.cli import main
from listenwatch.conformance.matrix.results import HERE, Matrix, kernel_run
from listenwatch.conformance.matrix.vectors import write_vectors
from listenwatch.report.matrix.files import json_lines, write_reports
from listenwatch.report.matrix.junit import junit
from listenwatch.report.matrix.table import matrix_report
from listenwatch.report.runs.ktap import matrix_ktap
from tests.helpers import make
from tests.helpers.eras import LINUX_7_3
from tests.helpers.matrices import bad, call, gone, good, kernel, matrix, summary

V6 = "backlog-kept-ipv6"
HOSTILE = "\x1b[2J<script>\x00\u202e]]>&"
OLDER = LINUX_7_3.replace(ipv6_hash="inet6_hash")


def rows(shown: str) -> dict[str, list[str]]:
    """The grid: the cells by the title of the row."""
    lines = shown.split("\n\n")[0].splitlines()[2:]
    cut = (re.split(r"  +", line) for line in lines if not line.startswith(" "))
    return {title: cells for title, *cells in cut}


# -- the grid


def test_scenarios_that_are_alike_share_a_row() -> None:
    lines = [call(), call(V6), call("relisten-ipv4")]
    shown = matrix_report(matrix(kernel("6.1", *lines, summary(*lines)), kernel("7.3", *lines, summary(*lines))))
    assert rows(shown) == {"clamp: 2 scenarios": ["✓", "✓"], "relisten-ipv4": ["✓", "✓"]}
    shown = matrix_report(matrix(kernel("6.1", *lines, summary(*lines))), verbose=True)
    assert list(rows(shown)) == ["backlog-kept-ipv4", V6, "relisten-ipv4"]


def test_what_disagrees_has_its_own_row_and_its_reason() -> None:
    lines = [call(wrong=True), call(V6, wrong=True)]
    shown = matrix_report(matrix(good(), kernel("6.1", *lines, summary(*lines))))
    assert rows(shown) == {"backlog-kept-ipv4": ["✓", "✗"], V6: ["·", "✗"]}
    assert "6.1 kprobe: backlog-kept-ipv4: DISAGREE: call 1: DISAGREE: " in shown
    assert shown.splitlines()[-1] == (
        "listen() calls: 1 agree, 2 disagree, 0 inconclusive, 0 unmodelled, 0 lost"
    )


def test_a_cell_has_a_sign_for_each_mode_of_the_matrix() -> None:
    seen, quiet = call(), call(mode="tracepoint")
    both = kernel("6.1", seen, quiet, summary(seen), summary(
        quiet, mode="tracepoint", equality={"against": "core kprobe", "equal": 1, "different": 0}))  # fmt: skip
    only = kernel_run("7.3", HERE, 1.0, [quiet, summary(quiet, mode="tracepoint")])
    shown = matrix_report(matrix(both, only))
    assert rows(shown) == {"backlog-kept-ipv4": ["✓✓", "·✓"]}
    assert "Modes from left to right: kprobe, tracepoint." in " ".join(shown.split())
    assert "Modes on the same calls: 1 records equal, none differs in a field both see" in shown


def test_what_was_skipped_says_why() -> None:
    skips = summary(scenario_names=[V6], skipped={V6: "needs IPv6: there is none"})
    shown = matrix_report(matrix(good(), kernel("6.1", call(), summary(call())), kernel("6.12", skips)))
    assert rows(shown)[V6] == ["·", "·", "–"]
    assert "    skipped: needs IPv6: there is none" in shown.splitlines()


def test_in_what_kernels_differ_stands_below_the_row() -> None:
    old, new = call(V6, behaviour=OLDER, sock=make.TCP6), call(V6, sock=make.TCP6)
    shown = matrix_report(matrix(kernel("6.1", old, summary(old)), kernel("7.3", new, summary(new))))
    assert "    differ: inet_hash by inet6_hash / by inet_hash" in shown.splitlines()


def test_a_kernel_that_was_not_observed_is_told_everywhere() -> None:
    shown = matrix_report(matrix(gone(), good()))
    assert rows(shown) == {"backlog-kept-ipv4": ["none", "✓"]}
    assert "5.10: NOT OBSERVED: the guest did not boot\n  its console" in shown
    assert "Kernels: 1 of 2 observed in 30 s; not observed: 5.10" in shown
    assert matrix_report(matrix(gone())).count("not observed") == 2


def test_a_disagreement_before_the_run_broke_off_is_told() -> None:
    cut = kernel("6.1", call(wrong=True), problem="the guest was lost")
    assert "6.1, before that: DISAGREE: " in matrix_report(matrix(cut, good()))


def test_it_fits_a_terminal_and_cannot_steer_it() -> None:
    mean = call(HOSTILE * 3, wrong=True) | {"reason": HOSTILE * 30}
    kernels = [kernel(f"6.{n}", mean, summary(mean)) for n in range(6)]
    shown = matrix_report(matrix(*kernels, gone(problem=HOSTILE * 40)))
    assert "\x1b" not in shown and "\u202e" not in shown and "\x00" not in shown


HEADS = ["kernel", "version", "mode", "agree", "disagree", "inconcl.", "unmod.", "lost", "skip", "fail", "equal", "time"]


@pytest.mark.parametrize(
    ("width", "grids", "left_out"),
    [(80, 2, {"equal"}), (100, 2, set()), (200, 1, set()), (None, 1, set())],
)
def test_no_line_is_wider_than_the_terminal(width: int | None, grids: int, left_out: set[str]) -> None:
    calls = [call(mode=mode) for mode in ("kprobe", "fentry", "tracepoint")]
    many = [kernel(f"6.{n}", *calls, *(summary(each, mode=each["attach"]) for each in calls)) for n in range(12)]
    shown = matrix_report(matrix(*many, *[bad(f"7.{n}") for n in range(2)], gone()), width=width)
    lines = shown.splitlines()
    assert width is None or max(map(len, lines)) <= width
    assert sum(line.startswith("scenario ") for line in lines) == grids
    (head,) = (line.split() for line in lines if line.startswith("kernel version"))
    assert head == [name for name in HEADS if name not in left_out]
    first = lines.index(next(line for line in lines if line.startswith("kernel version")))
    assert {line.split()[0] for line in lines[first:] if line[:1].isdigit()} == {
        *(f"6.{n}" for n in range(12)), "7.0", "7.1", "5.10",
    }  # fmt: skip


# -- JUnit


def test_junit_has_a_suite_for_each_kernel_and_mode() -> None:
    root = fromstring(junit(matrix(good(), bad(), gone())))
    assert {k: root.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "1", "skipped": "0",
    }  # fmt: skip
    assert [suite.get("name") for suite in root] == ["7.3 kprobe", "6.1 kprobe", "5.10"]
    failure = root.find("testsuite[@name='6.1 kprobe']/testcase[@name='backlog-kept-ipv4']/failure")
    assert failure is not None and "DISAGREE" in failure.get("message", "")
    error = root.find("testsuite[@name='5.10']/testcase[@name='observed']/error")
    assert error is not None and (error.text or "").startswith("the guest did not boot")


def test_junit_says_what_was_skipped_lost_or_failed() -> None:
    line = call()
    more: dict[str, Any] = {"scenario_names": ["backlog-kept-ipv4", V6, "x"], "skipped": {V6: "needs IPv6"},
            "errors": {"x": "Traceback\nValueError: broken"}, "lost": 2}  # fmt: skip
    (suite,) = fromstring(junit(matrix(kernel("6.1", line, summary(line, **more)))))
    shown = {
        case.get("name"): (case[0].tag, case[0].get("message")) if len(case) else None
        for case in suite.findall("testcase")
    }
    assert shown == {
        "backlog-kept-ipv4": None,
        V6: ("skipped", "needs IPv6"),
        "x": ("error", "ValueError: broken"),
        "complete": ("error", "2 calls happened and have no record"),
    }


def test_junit_is_xml_whatever_a_program_is_called() -> None:
    mean = call(HOSTILE, wrong=True) | {"reason": HOSTILE}
    root = fromstring(junit(matrix(kernel("6.1", mean, summary(mean)), gone(problem=HOSTILE))))
    assert root.get("failures") == "1"


# -- KTAP

RESULT = re.compile(r"(ok|not ok) (\d+) (\S+)(?: # ([A-Z]+)(?: (.*))?)?")
Tree = dict[str, tuple[str, "Tree"]]


def parse(lines: list[str]) -> Tree:
    """The results of one level and of those below; asserts the plan, the numbers and the indentation."""
    assert lines.pop(0) == "KTAP version 1"
    plan = lines.pop(0)
    found: Tree = {}
    below: list[str] = []
    for line in lines:
        if line.startswith("  "):
            below.append(line[2:])
        elif not line.startswith("# "):
            match = RESULT.fullmatch(line)
            assert match, f"not KTAP: {line!r}"
            assert int(match[2]) == len(found) + 1
            if below:
                assert below.pop(0) == f"# Subtest: {match[3]}"
            found[match[3]] = (f"{match[1]} {match[4] or ''}".strip(), parse(below) if below else {})
            below = []
    assert plan == f"1..{len(found)}"
    return found


def test_ktap_nests_kernels_modes_and_scenarios() -> None:
    assert parse(matrix_ktap(matrix(good(), bad(), gone())).splitlines()) == {
        "7.3": ("ok", {"kprobe": ("ok", {"backlog-kept-ipv4": ("ok", {}), "complete": ("ok", {})})}),
        "6.1": (
            "not ok",
            {"kprobe": ("not ok", {"backlog-kept-ipv4": ("not ok", {}), "complete": ("ok", {})})},
        ),
        "5.10": ("not ok ERROR", {}),
    }


def test_ktap_stays_ktap_whatever_is_in_a_reason() -> None:
    mean = call(wrong=True) | {"reason": f"{HOSTILE}\nok 1 forged"}
    shown = parse(matrix_ktap(matrix(kernel("6.1", mean, summary(mean)), gone(problem="x\nok 2 y"))).splitlines())
    assert list(shown) == ["6.1", "5.10"]
    assert shown["6.1"][0] == "not ok"


# -- random histories


def campaign(**more: object) -> Matrix:
    fields: dict[str, Any] = {"histories": 50, "seed": 3, "failures": [], "disagreeing": [], "reasons": {}, "seconds": 1.0, **more}
    shown = summary(call(), **fields)
    del shown["summary"]["scenario_names"], shown["summary"]["skipped"]
    return matrix(kernel("6.1", shown))


def test_histories_are_shown_by_kernel_and_mode() -> None:
    good_one = campaign()
    assert good_one.status() == 0
    shown = matrix_report(good_one)
    assert "scenario " not in shown
    assert re.search(r"^6\.1 +7\.3\.4 +kprobe +1 +0 ", shown, re.MULTILINE)
    assert parse(matrix_ktap(good_one).splitlines())["6.1"][1]["kprobe"][1] == {
        "50-histories-of-seed-3": ("ok", {}), "complete": ("ok", {}),
    }  # fmt: skip


def test_a_history_that_disagrees_is_told() -> None:
    failure = {"history": 7, "program": [], "smallest": None, "reasons": ["stored: 5, not 6"]}
    shown = campaign(disagree=1, failures=[failure])
    assert shown.status() == 1
    assert "50-histories-of-seed-3: DISAGREE: history 7: stored: 5, not 6" in matrix_report(shown)


# -- files


def test_json_lines_name_the_kernel_and_end_with_the_whole() -> None:
    *lines, last = map(json.loads, json_lines(matrix(good(), gone())))
    assert [(line["on"], line["schema"]) for line in lines] == [
        ("7.3", "listenwatch/call/3"), ("7.3", "listenwatch/verify-summary/1"), ("5.10", "listenwatch/problem/1"),
    ]  # fmt: skip
    assert (last["summary"]["agree"], last["summary"]["status"]) == (1, 3)


def test_all_four_files_are_written(tmp_path: Path) -> None:
    write_reports(matrix(good(), bad(), gone()), tmp_path)
    found = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert set(found) == {"matrix.jsonl", "junit.xml", "matrix.ktap", "report.html"}
    assert found["report.html"].startswith("<!DOCTYPE html>")


def test_vectors_are_recordings_of_the_first_mode(tmp_path: Path) -> None:
    seen, other = call(), call(mode="tracepoint")
    ran = kernel("7.3", seen, other, summary(seen), summary(other, mode="tracepoint"))
    assert write_vectors(matrix(ran, gone()), tmp_path) == [tmp_path / "7.3/kprobe.jsonl.gz"]
    foreign = ran._replace(architecture="arm64")
    assert write_vectors(matrix(foreign), tmp_path) == [tmp_path / "arm64-7.3/kprobe.jsonl.gz"]
    assert foreign.name == "arm64:7.3"
    with (tmp_path / "7.3/kprobe.jsonl.gz").open("rb") as stream:
        recording = Recording(stream, "vector")
        (read,) = recording.calls()
    assert (recording.header.kernel.release, recording.header.attach) == ("7.3.4", "kprobe")
    assert (read.asked, read.stored) == (511, 511)


@pytest.mark.parametrize("given", [["--generate", "0"], ["--generate", "5", "-k", "x"],
                                   ["--generate", "5", "--vectors", "d"]])  # fmt: skip
def test_what_cannot_be_asked_for(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", *given]) == 2
    assert capsys.readouterr().err.startswith("listenwatch: ")
