"""``listenwatch replay``, from the command line to the exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listenwatch.call.record import ListenCall
from listenwatch.cli import main
from listenwatch.linux import terminal
from listenwatch.report.live import HEADER
from tests.helpers.calls import SAMPLES, call, calls, disagreeing, recorded, refused, unreturned
from tests.helpers.make import TCP


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording with one call of each kind."""
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded())
    return path


def replay(path: Path, *arguments: str) -> int:
    return main(["replay", *arguments, str(path)])


def rows(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed below the head."""
    head, *shown = capsys.readouterr().out.splitlines()
    assert head == HEADER
    return shown


# -- exit statuses


@pytest.mark.parametrize(
    ("made", "lost", "status"),
    [
        ([call()], 0, 0),
        ([call(), refused()], 0, 0),
        ([call(), unreturned()], 0, 0),
        ([call(), disagreeing()], 0, 1),
        ([call(), disagreeing()], 2, 1),
        ([call()], 2, 4),
        ([unreturned()], 0, 4),
        ([], 0, 4),
    ],
)
def test_status(made: list[ListenCall], lost: int, status: int, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded(made, lost))
    assert replay(path) == status


def test_strict_is_not_content_with_inconclusive(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded([call(), unreturned()]))
    assert replay(path, "--strict") == 4


CLAMPED = call(backlog=511, somaxconn=128)


@pytest.mark.parametrize(
    ("made", "lost", "options", "status"),
    [
        ([call()], 0, ["clamped,failed,inconclusive,unmodelled,lost"], 0),
        ([call(), CLAMPED], 0, ["clamped"], 5),
        ([call(), CLAMPED], 0, ["failed"], 0),
        ([CLAMPED, refused()], 0, ["failed"], 5),
        ([CLAMPED], 0, ["failed", "--fail-on=inconclusive", "--fail-on", "clamped"], 5),
        ([call(), unreturned()], 0, ["inconclusive"], 5),
        ([call(), unreturned()], 0, ["inconclusive", "--strict"], 5),
        ([call(), unreturned()], 0, ["clamped", "--strict"], 4),
        ([call()], 3, ["lost"], 5),
        ([call()], 3, ["clamped"], 4),
        ([CLAMPED, disagreeing()], 3, ["clamped,lost"], 1),
        ([call(), disagreeing()], 0, ["disagree"], 1),
        ([CLAMPED], 0, ["clamped", "-p", "1"], 4),
        ([CLAMPED], 0, ["clamped", "--failed"], 5),
        ([], 0, ["clamped"], 4),
    ],
)
def test_what_is_named_fails(
    made: list[ListenCall], lost: int, options: list[str], status: int, tmp_path: Path
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded(made, lost))
    assert replay(path, "--fail-on", *options) == status


def test_only_clamped_calls_are_shown_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded([call(), CLAMPED, refused()]))
    assert replay(path, "--clamped") == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "clamped by net.core.somaxconn" in out
    assert "3 agree" in err


def test_a_damaged_recording_in_which_a_call_fails_is_status_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded([CLAMPED, CLAMPED])[:-300])
    assert replay(path, "--fail-on", "clamped") == 5
    assert "clamped: nginx[4242] asked 511, stored 128" in capsys.readouterr().err


def test_cut_is_judged_up_to_there_and_is_status_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded([call(), call()])[:-300])
    assert replay(path) == 4
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "1 agree, 0 disagree" in err
    assert f"listenwatch: {path}:3: cut, not JSON; the 1 calls before it were judged" in err


def test_a_disagreement_before_the_damage_is_still_status_1(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded([disagreeing(), call()])[:-300])
    assert replay(path) == 1


def test_no_recording_is_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("{}")
    assert replay(path) == 3
    assert capsys.readouterr() == (
        "",
        f"listenwatch: {path}:1: not a listenwatch recording: make one with 'watch -o FILE'\n",
    )


def test_a_kernel_the_model_does_not_describe_is_status_3(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(file.read_bytes().replace(b"[6, 1, 192]", b"[2, 4, 18]"))
    assert replay(file) == 3
    assert "Linux 2.4.18 is older than 2.6.12, the oldest kernel that the model describes" in capsys.readouterr().err


def test_no_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path / "\x1b[31m") == 2
    error = f"listenwatch: cannot read {tmp_path}/\\x1b[31m: No such file or directory\n"
    assert capsys.readouterr() == ("", error)
    assert replay(tmp_path) == 2
    assert "Is a directory" in capsys.readouterr().err


# -- what is shown


def test_every_call_is_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(file) == 1
    assert len(rows(capsys)) == len(SAMPLES)


def test_words_go_to_stderr(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replay(file)
    assert capsys.readouterr().err.splitlines() == [
        "listenwatch: recorded on Linux 6.1.0-50-amd64, attach mode kprobe",
        "listenwatch: 4 agree, 1 disagree, 1 inconclusive, 0 unmodelled, 0 lost",
    ]


def test_stages_follow_their_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replay(file, "--stages")
    shown = rows(capsys)
    assert shown[1].startswith("  ├─ listen(3, 511) ")
    assert sum("├─ inet_hash" in row for row in shown) == 4


def test_disagree_and_failed_choose_what_is_shown(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(file, "--disagree") == 1
    assert [row.endswith(" DISAGREE") for row in rows(capsys)] == [True]
    assert replay(file, "--failed") == 1  # what is not shown is judged all the same
    assert ["→EBADF " in row for row in rows(capsys)] == [True]


def test_color_decides_where_no_terminal_is(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # what is asked for counts more
    for choice, coloured in (("always", True), ("never", False), ("auto", False)):
        assert replay(file, f"--color={choice}") == 1
        assert ("\x1b[1;31mDISAGREE\x1b[0m" in capsys.readouterr().out) is coloured
    with pytest.raises(SystemExit, match="2"):
        replay(file, "--color=green")
    assert "auto" in capsys.readouterr().err


def test_filters_choose_what_is_judged(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(file, "-n", "sh") == 0
    assert len(rows(capsys)) == 1
    assert replay(file, "-P", "1") == 4
    assert rows(capsys) == []
    assert replay(file, "--netns", "no-such-name") == 2


def test_json_is_what_watch_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Judged afresh, a recording gives its own lines and summary again."""
    assert replay(file, "--json") == 1
    out, err = capsys.readouterr()
    _, *lines = file.read_text().splitlines()
    assert out.splitlines() == lines
    assert err == ""
    assert json.loads(lines[-1])["summary"]["agree"] == 4


def test_what_is_not_known_of_a_vendors_kernel_is_named(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, rest = file.read_bytes().split(b"\n", 1)
    line = json.loads(head)
    line["recording"]["kernel"] |= {"release": "5.14.0-427.el9.x86_64", "version": [5, 14, 0]}
    file.write_bytes(json.dumps(line).encode() + b"\n" + rest)
    replay(file)
    assert "not known of this kernel" in capsys.readouterr().err
    replay(file, "--json")
    unknown = json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]["unknown"]
    assert "syn_queue_full_above_limit" in unknown and "stored" not in unknown


def test_verdicts_are_made_afresh(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(file.read_bytes().replace(b'"DISAGREE"', b'"AGREE"'))
    assert replay(file, "--json") == 1
    verdicts = [json.loads(line).get("verdict") for line in capsys.readouterr().out.splitlines()]
    assert verdicts.count("DISAGREE") == 1


def test_stdin(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert main(["replay", "-"]) == 1


def test_stdin_that_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert main(["replay", "-"]) == 3
    assert "-:1: not a listenwatch recording" in capsys.readouterr().err


# -- no file ends it with anything but a status


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_never_ends_in_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    damaged = bytearray(recorded([call(), disagreeing()]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"0", b"9", b"-", b'"', b"\x1b", b"7", b"null", b"{}", b"\n"])
        )
    path = tmp_path / "trace.jsonl"
    path.write_bytes(damaged)
    assert replay(path, "--stages") in (0, 1, 3, 4)
    out, err = capsys.readouterr()
    assert all(row.isprintable() for row in (out + err).split("\n"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls())
def test_whatever_the_wire_holds_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], each: ListenCall
) -> None:
    def renamed(kind: str) -> dict[str, Any]:
        verdict = {"verdict": kind, "rule": "x", "backlog_rule": "x", "reason": "x"}
        return verdict | {"differences": []}

    from listenwatch.report.call_json import judged_to_json
    from listenwatch.verdict.compare import Verdict, VerdictKind

    line = judged_to_json(each, Verdict(VerdictKind.AGREE, "x", "x")) | renamed("AGREE")
    head, *_ = recorded([call(TCP)]).splitlines()
    path = tmp_path / "trace.jsonl"
    counts = {"agree": 1, "disagree": 0, "inconclusive": 0, "unmodelled": 0, "lost": 0}
    path.write_bytes(
        b"\n".join([head, json.dumps(line).encode(), json.dumps({"summary": counts}).encode()])
    )
    assert replay(path, "--stages") in (0, 1, 4)
    assert all(row.isprintable() for row in capsys.readouterr().out.split("\n"))


def test_into_head(file: Path) -> None:
    """More than a pipe holds, and a reader that takes one line: no word on stderr."""
    file.write_bytes(recorded([call()] * 2000))
    with subprocess.Popen(
        [sys.executable, "-m", "listenwatch", "replay", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline().decode().rstrip() == HEADER
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 141


# -- a page


def test_a_page_is_written_beside_the_table(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert replay(file, "--html", str(page)) == replay(file)
    text = page.read_text()
    assert text.count('<details class="call"') == len(SAMPLES)
    assert len(rows(capsys)) >= len(SAMPLES)


def test_the_page_of_a_damaged_recording_says_so(file: Path, tmp_path: Path) -> None:
    file.write_bytes(recorded([call()])[:-60])
    page = tmp_path / "page.html"
    assert replay(file, "--html", str(page)) == 4
    text = page.read_text()
    assert "Nothing disagrees; " in text and "trace.jsonl" in text


def test_the_page_has_the_calls_that_are_shown(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    replay(file, "--html", str(page), "--disagree")
    assert page.read_text().count('<details class="call"') == 1


# -- quiet


def test_quiet_leaves_the_report_and_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_quiet", False)  # as before, once the test has ended
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded([call(), call()]))
    assert replay(path) == 0
    loud = capsys.readouterr()
    assert loud.err.count("listenwatch: ") == 2
    assert replay(path, "-q") == 0
    assert capsys.readouterr() == (loud.out, "")
    path.write_bytes(recorded([call(), disagreeing()]))
    assert replay(path, "-q") == 1
    assert capsys.readouterr().err.startswith("listenwatch: 1 agree, 1 disagree")
    path.write_bytes(recorded([call()]) + b"damage")
    assert replay(path, "-q") == 4
    assert "the 1 calls before it were judged" in capsys.readouterr().err
