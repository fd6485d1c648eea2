"""The HTML report in a real browser, where there is one: its script runs, and opens the panel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from listenwatch.call.header import Header
from listenwatch.linux.kernel import Kernel
from listenwatch.report.html import html_report
from listenwatch.report.recording.page import HtmlPage
from listenwatch.session.source import Missing
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.difference import Difference, Where, Witness
from listenwatch.verdict.summary import Summary
from tests.helpers.calls import BEHAVIOUR, call, disagreeing, refused
from tests.helpers.pages import GONE, HOSTILE, KERNELS, Page, matrix, ran
from tests.helpers.scenarios import AGREED
from tests.require import require

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or ""
QUIET = "--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    require("browser", bool(BROWSER), "chromium is not installed")
    return tmp_path


def shown(text: str, address: str, folder: Path) -> Page:
    """The page as it is after its script ran with this address."""
    file = folder / "matrix.html"
    file.write_text(text, encoding="utf-8")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [
            BROWSER,
            *QUIET.split(),
            *as_root,
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            f"{file.as_uri()}#{address}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Page(done.stdout)


def panel_is_hidden(page: Page) -> bool:
    return any(tag == "aside" and "hidden" in attributes for tag, attributes in page.elements)


def test_an_address_opens_the_calls_of_a_cell(folder: Path) -> None:
    page = shown(html_report(KERNELS), "7.3%20here/good/kprobe", folder)
    assert not panel_is_hidden(page)
    assert page.texts["h2"].endswith("good")
    assert page.texts["td"].count("by inet_hash") == 2, "predicted and observed"
    assert page.texts["output"] == "4 scenarios"
    assert page.all("button", "aria-current") == ["true"]


def test_an_address_of_nothing_opens_nothing(folder: Path) -> None:
    assert panel_is_hidden(shown(html_report(KERNELS), "6.1/constructor", folder))


def test_hostile_strings_are_text_in_the_panel_too(folder: Path) -> None:
    name = HOSTILE.partition("\x1b")[0]
    [judged] = AGREED.calls
    verdict = judged.verdict._replace(
        kind=VerdictKind.DISAGREE,
        differences=(Difference(Where.CALL, HOSTILE, HOSTILE, None, Witness.ENGINE),),
    )
    result = AGREED._replace(scenario=name, calls=(judged._replace(verdict=verdict),))
    text = html_report(matrix(ran("7.3", result), GONE))
    page = shown(text, f"7.3/{quote(name, safe='')}", folder)
    assert page.texts["h2"].endswith(name)
    assert "img" not in page.tags


def test_the_page_of_a_recording_filters_its_calls(folder: Path) -> None:
    made = [call(), refused(), disagreeing()._replace(comm=b"<img src=x>")]
    page = HtmlPage(str(folder / "page.html"), "replayed")
    page.begin(Header(Kernel("7.3.0", (7, 3, 0), "x86_64", {}), "kprobe", ()), [])
    for each in made:
        page.call(each, judge(each, BEHAVIOUR))
    page.end(Summary(2, 1, 0, 0, 0), Missing(0))
    text = (folder / "page.html").read_text()
    usual, failed, chosen = (shown(text, address, folder) for address in ("", "failed", "call-3"))
    assert (usual.texts["output"], failed.texts["output"]) == ("3 calls", "1 of 3 calls")
    assert "img" not in usual.tags
    states = [[name in attributes for tag, attributes in page.elements if tag == "details"]
              for page, name in ((usual, "hidden"), (failed, "hidden"), (chosen, "open"))]  # fmt: skip
    assert states == [[False] * 3, [True, False, True], [False, False, True]]
