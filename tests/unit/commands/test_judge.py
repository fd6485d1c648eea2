"""``listenwatch judge`` and ``conformance``, from the command line to the exit status."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from listenwatch.cli import main
from tests.helpers.answers import GVISOR, LINUX, changed, data_of, lines_of, recorded
from tests.helpers.contract import fit


@pytest.fixture
def here(tmp_path: Path) -> str:
    path = tmp_path / "here.jsonl"
    path.write_bytes(recorded(LINUX))
    return str(path)


@pytest.fixture
def gvisor(tmp_path: Path) -> str:
    path = tmp_path / "gvisor.jsonl"
    path.write_bytes(recorded(GVISOR))
    return str(path)


def wrong(tmp_path: Path) -> str:
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(changed(recorded(LINUX), lambda line: line["post"].update(tcpi_sacked=4095), case="backlog"))
    return str(path)


def test_all_agree(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", here]) == 0
    out = capsys.readouterr().out
    assert out.startswith("judged as Linux 6.18.44: answers of Linux 6.18.44")
    assert out.rstrip().endswith("0 disagree, 16 inconclusive, 0 unmodelled, 0 lost")
    assert "not seen: the limit that 12 calls stored" in out


def test_a_disagreement_is_shown_and_is_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", wrong(tmp_path)]) == 1
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "DISAGREE" in line]
    assert "max_ack_backlog at return: predicted 4096, observed 4095" in row


def test_what_could_not_be_compared_counts_if_asked_for(here: str) -> None:
    assert main(["judge", "--strict", here]) == 4


def test_nothing_compared_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    header, *_, end = lines_of(recorded(LINUX))
    path.write_bytes(data_of([header, {**end, "lines": 2}]))
    assert main(["judge", str(path)]) == 4


def test_two_stacks_side_by_side(here: str, gvisor: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", here, gvisor, "--as", "6.18.44", "--as", "gvisor"]) == 0
    out = capsys.readouterr().out
    table = out.rpartition("lost\n")[2]
    rows = {" ".join(line.split()) for line in table.splitlines()}
    for row in (
        "shrink tcp listen(3) 0, limit 3 EINVAL", "o-path no socket listen(5) EBADF ENOTSOCK",
        "fill-negative tcp listen(-1), connect() 1100 waited 1025 waited, then EINPROGRESS",
        "unix-accepted unix listen(5) EINVAL 0, limit not seen", "sysctl net.core.somaxconn=1 0, reads 1 EIO, reads 128",
    ):  # fmt: skip
        assert row in rows
    assert "not tried: raw (socket: EPERM)" in out


def test_the_same_stack_twice_differs_in_nothing(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", here, here]) == 0
    assert "no answer differs" in capsys.readouterr().out


def test_every_answer_if_asked_for(gvisor: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["judge", "-v", gvisor, "--as", "gvisor"])
    out = capsys.readouterr().out
    assert out.count(" AGREE ") == 53
    assert "EINVAL: more connections wait than the new backlog has room for" in out


def test_json_fits_its_schemas(here: str, gvisor: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", "--json", here, gvisor, "--as", "6.18.44", "--as", "gvisor"]) == 0
    lines = fit(capsys.readouterr().out)
    summaries = [line["summary"] for line in lines if "summary" in line]
    assert [(s["judged_as"], s["disagree"]) for s in summaries] == [("Linux 6.18.44", 0), ("gVisor", 0)]
    assert [s["limits_not_seen"] for s in summaries] == [12, 112]
    assert {"case": "raw", "what": "socket", "result": -1} in summaries[1]["not_tried"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(recorded(LINUX))))
    assert main(["judge", "-"]) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (["nowhere.jsonl"], 2, "cannot read nowhere.jsonl: No such file or directory"),
        (["HERE", "--as", "6.1", "--as", "6.2"], 2, "--as is given 2 times, for 1 files"),
        (["HERE", "--as", "windows"], 2, "windows"),
        (["/dev/null"], 3, "no answers of the conformance program"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], status: int, what: str, here: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", *(here if a == "HERE" else a for a in arguments)]) == status
    err = capsys.readouterr().err
    assert what in err and err.count("\n") == 1


def test_no_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["conformance", "--build", str(tmp_path)]) == 3
    assert capsys.readouterr().err == "listenwatch: no clang here: apt-get install clang\n"


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_gzipped_answers(kept: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, and cut."""
    data = gzip.compress(recorded(LINUX))
    (tmp_path / "answers.gz").write_bytes(data[: int(len(data) * kept)])
    assert main(["judge", str(tmp_path / "answers.gz")]) == (0 if kept == 1 else 3)
    assert kept == 1 or "not whole gzip data" in capsys.readouterr().err
