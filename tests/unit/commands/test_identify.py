"""``listenwatch identify``: its exit statuses, and that a kernel that is like none gets no file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from listenwatch.cli import main
from listenwatch.commands import identify as command
from listenwatch.conformance.identify.identified import Identified, identify
from listenwatch.conformance.run import Result
from listenwatch.linux.kernel import Kernel
from tests.helpers.contract import fit
from tests.helpers.identifying import VENDORS, simulated, under_load
from tests.helpers.scenarios import DISAGREED, FAILED, SKIPPED, scenario_run

BEHAVIOUR, _ = VENDORS["el8-240"]
SEEN = under_load(BEHAVIOUR)
"""A scenario on that kernel."""


@pytest.fixture(autouse=True)
def _no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(*_: str, follow: bool) -> Iterator[list[SimpleNamespace]]:
        assert follow
        yield [SimpleNamespace(name="core", attach="kprobe", why="simulated")]

    monkeypatch.setattr("listenwatch.commands.attaching.open_engines", opened)
    monkeypatch.setattr(command, "check_namespaces", lambda _: None)


def run(monkeypatch: pytest.MonkeyPatch, *results: Result, arguments: tuple[str, ...] = ()) -> int:
    """The command, where the scenarios give these results."""
    monkeypatch.setattr(command, "run_all", lambda *_: iter([(result,) for result in results]))
    return main(["identify", *arguments])


def test_a_documented_behaviour_is_status_0_and_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "this.json"
    assert run(monkeypatch, SEEN, SKIPPED, arguments=("--json", "--output", str(file))) == 0
    (line,) = fit(capsys.readouterr().out)
    assert line["identified"]["matches"]
    assert json.loads(file.read_text())["behaviour"]["somaxconn_default"] == 128
    assert main(["predict", "--backlog", "511", "--behaviour-file", str(file)]) == 0
    assert "128" in capsys.readouterr().out


@pytest.mark.parametrize(("results", "status"), [((SEEN, FAILED), 4), ((SKIPPED,), 4), ((SEEN._replace(lost=1),), 4)])
def test_what_is_incomplete_is_status_4(
    results: tuple[Result, ...], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *results) == status
    assert capsys.readouterr().out


def test_a_kernel_that_is_like_none_is_status_1_and_gets_no_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (judged,) = SEEN.calls
    assert judged.issued
    wrong = judged.issued.measured[0]._replace(seen={"limit": 7777, "SYN_ACK": 99})
    bad = SEEN._replace(calls=(judged._replace(issued=judged.issued._replace(measured=(*judged.issued.measured, wrong))),))
    file = tmp_path / "this.json"
    assert run(monkeypatch, bad, arguments=("--output", str(file))) == 1
    shown = capsys.readouterr()
    assert "DISAGREE: no documented behaviour explains this kernel" in " ".join(shown.out.split())
    assert "was not written: no documented behaviour explains this kernel" in shown.err
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, SEEN, arguments=("--output", str(tmp_path / "none/this.json"))) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("this.json: No such file or directory")


def test_1_comes_before_4() -> None:
    """A disagreement is reported though something is missing too."""
    like = identify(simulated(BEHAVIOUR)[::9], Kernel("x", (4, 18, 0), "x86_64", {}))
    (disagreed,) = DISAGREED.calls
    unlike: Identified = replace(like, disagreeing=(("a", disagreed),))
    incomplete = scenario_run(FAILED, lost=1)
    assert command.exit_status(unlike, incomplete) == 1
    assert command.exit_status(like, incomplete) == 4
    assert command.exit_status(like, scenario_run(SEEN)) == 0
