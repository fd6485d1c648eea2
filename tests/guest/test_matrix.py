"""A small matrix of two real guests, booted at once, every mode attached: all agree and are equal, all files are there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

import pytest

from listenwatch.call.recording import Recording
from tests import ROOT
from tests.helpers.contract import fit, of
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest

KERNELS = ("5.10", "7.3")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Where the files are, and what was on the screen."""
    for series in KERNELS:
        needs_guest(series)
    directory = tmp_path_factory.mktemp("matrix")
    done = subprocess.run(
        [sys.executable, "-m", "listenwatch", "matrix", "--no-host", "--kernels", ",".join(KERNELS),
         "-k", "backlog-", "-o", str(directory), "--vectors", str(directory / "vectors")],
        capture_output=True, text=True, timeout=1500, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    yield directory, done.stdout


def printed(directory: Path) -> list[dict[str, Any]]:
    return fit((directory / "matrix.jsonl").read_text())


def test_every_call_agrees_on_both(ran: tuple[Path, str]) -> None:
    *lines, last = printed(ran[0])
    assert {line["verdict"] for line in lines if "verdict" in line} == {"AGREE"}
    assert {line["on"] for line in lines} == set(KERNELS)
    assert [kernel["problem"] for kernel in last["summary"]["kernels"]] == [None, None]
    assert (last["summary"]["lost"], last["summary"]["status"]) == (0, 0)


def test_the_modes_are_equal(ran: tuple[Path, str]) -> None:
    summaries = [line["summary"] for line in of(printed(ran[0]), "verify-summary")]
    compared = [equality for summary in summaries if (equality := summary["equality"])]
    assert [summary["attach"] for summary in summaries if not summary["equality"]] == ["kprobe"] * 2
    assert len(compared) >= len(KERNELS)
    assert all(equality["equal"] > 20 and not equality["different"] for equality in compared)


def test_what_differs_between_them_is_on_the_screen(ran: tuple[Path, str]) -> None:
    assert "inet_hash by inet6_hash / by inet_hash" in ran[1]


def test_the_files(ran: tuple[Path, str]) -> None:
    directory = ran[0]
    root = parse(directory / "junit.xml").getroot()
    assert int(root.get("tests", "0")) > 40
    assert root.get("failures") == root.get("errors") == "0"
    assert (directory / "matrix.ktap").read_text().startswith("KTAP version 1\n1..2\n")
    assert "backlog-kept-ipv4" in (directory / "report.html").read_text()
    for series in KERNELS:
        with (directory / "vectors" / series / "kprobe.jsonl.gz").open("rb") as stream:
            recording = Recording(stream, series)
            assert recording.header.kernel.series == series
            assert len(list(recording.calls())) > 20
