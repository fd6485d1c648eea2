"""``--behaviour-file``: what ``identify --output`` wrote is what calls are judged by, and the file is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from listenwatch.cli import main
from listenwatch.commands.behaviour_option import behaviour_for_kernel, read_file
from listenwatch.conformance.identify.identified import identify
from listenwatch.conformance.matrix.vectors import compressed
from listenwatch.errors import UsageError
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import NEWEST, Behaviour
from listenwatch.report.behaviour_json import behaviour_line
from tests.helpers.calls import KERNEL, call, disagreeing, recorded
from tests.helpers.contract import fits
from tests.helpers.identifying import VENDORS, answers, simulated


def written(path: Path, behaviour: Behaviour, kernel: Kernel = KERNEL, /, **changes: Any) -> str:
    """A file as ``identify --output`` writes it, with these keys changed."""
    path.write_text(json.dumps({**behaviour_line(behaviour, kernel), **changes}))
    return str(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for behaviour, kernel in [*VENDORS.values(), (NEWEST.replace(stored=None, hash_error=None), KERNEL)]:
        file = written(tmp_path / "file", behaviour, kernel)
        fits(json.loads(Path(file).read_text()))
        assert read_file(file) == (behaviour, kernel)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": "listenwatch/behaviour/2"}, "has schema listenwatch/behaviour/2, not listenwatch/behaviour/1"),
        ({"behaviour": {}}, "lacks sys_listen, inet_listen_sk"),
        ({"behaviour": {**behaviour_line(NEWEST, KERNEL)["behaviour"], "stord": None}}, "no behaviour 'stord': did you mean 'stored'?"),
        ({"behaviour": {**behaviour_line(NEWEST, KERNEL)["behaviour"], "stored": "LATE"}}, "behaviour stored cannot be 'LATE'"),
        ({"behaviour": {**behaviour_line(NEWEST, KERNEL)["behaviour"], "stored": []}}, r"behaviour stored cannot be '\[\]'"),
        ({"behaviour": 5}, "is no behaviour"),
        ({"kernel": {}}, "is no behaviour"),
    ],
)
def test_what_is_wrong_is_named_in_a_line(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    file = written(tmp_path / "file", NEWEST, **changes)
    with pytest.raises(UsageError, match=says) as error:
        read_file(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"5", b'{"schema": 1}'])
def test_any_other_file_is_no_behaviour(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        read_file(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_file(str(tmp_path / "none"))


def test_another_kernels_file_is_said_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "file", NEWEST)
    assert behaviour_for_kernel(file, KERNEL) == NEWEST
    assert "not on this one" not in capsys.readouterr().err
    behaviour_for_kernel(file, KERNEL._replace(release="7.3.0"))
    assert f"identified on Linux {KERNEL.release}, not on this one, Linux 7.3.0" in capsys.readouterr().err


# -- what is judged by it

NOT_BEFORE_4_4 = {"el7": "syn_queue_full_above_limit", "el8-147": "", "el8-240": ""}
"""What means nothing to a kernel whose SYN queue is a table: it stays undecided."""


def test_a_replay_is_judged_by_the_file_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit of 16 bits, which this kernel has not, and a call that needs it."""
    trace = tmp_path / "trace.jsonl"
    trace.write_bytes(recorded([call(backlog=65536, somaxconn=2**31 - 1)]))
    file = written(tmp_path / "file", NEWEST.replace(max_ack_backlog_bits=16))
    assert main(["replay", str(trace)]) == 0
    capsys.readouterr()
    assert main(["replay", "--behaviour-file", file, str(trace)]) == 1
    shown = capsys.readouterr()
    assert f"judged by {file}, identified on Linux {KERNEL.release}" in shown.err
    assert "1 disagree" in shown.err
    assert shown.err.rstrip().endswith(f"; judged by {file}")
    assert main(["replay", "--json", "--behaviour-file", file, str(trace)]) == 1
    *_, last = capsys.readouterr().out.splitlines()
    assert fits(json.loads(last))["summary"]["behaviour_file"] == file
    page = tmp_path / "page.html"
    assert main(["replay", "--behaviour-file", file, "--html", str(page), str(trace)]) == 1
    assert f"judged by {file}" in page.read_text()


def test_it_makes_no_disagreement_go_away_that_no_kernel_explains(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_bytes(recorded([call(), disagreeing()]))
    file = written(tmp_path / "file", identify([], KERNEL).behaviour)
    assert main(["replay", "--behaviour-file", file, str(trace)]) == 1


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendors_kernel_replays_without_a_false_disagreement(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the file what its maker may have changed is not known; with it what was found out is."""
    behaviour, kernel = VENDORS[name]
    file = written(tmp_path / "file", identify(simulated(behaviour), kernel).behaviour, kernel)
    trace = tmp_path / "trace.jsonl.gz"
    trace.write_bytes(compressed(kernel, "kprobe", [("", made) for made in answers(behaviour)], 0))
    assert gzip.decompress(trace.read_bytes()).count(b"\n") > 400
    assert main(["replay", "--json", str(trace)]) == 0
    *_, without = capsys.readouterr().out.splitlines()
    assert {"stored", "syn_queue_full_above_limit"} <= set(json.loads(without)["summary"]["unknown"])
    assert main(["replay", "--json", "--behaviour-file", file, str(trace)]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["summary"]["agree"] > 400
    assert not {"stored", "syn_queue_full_above_limit"} & set(json.loads(last)["summary"]["unknown"]) - {NOT_BEFORE_4_4[name]}


def test_predict_takes_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "file", *VENDORS["el8-240"])
    assert main(["predict", "--backlog", "511", "--json", "--behaviour-file", file]) == 0
    assert json.loads(capsys.readouterr().out)["behaviour"]["stored"] == "BEFORE_LISTEN_START"
    assert main(["predict", "--backlog", "511", "--kernel", "6.1", "--behaviour-file", file]) == 2
    assert "leave out --kernel" in capsys.readouterr().err
