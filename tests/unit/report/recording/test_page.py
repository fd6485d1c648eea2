"""The page of a recording: every call or a word on those left out, nothing obeyed, and written whatever happens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.errors import UsageError
from listenwatch.linux.kernel import Kernel
from listenwatch.model.inputs import EntryPath
from listenwatch.report.recording import page as pages
from listenwatch.report.recording.page import HtmlPage, conclusion
from listenwatch.session.source import Missing
from listenwatch.verdict.compare import judge
from listenwatch.verdict.summary import Summary, summarise
from tests.helpers.calls import BEHAVIOUR, call, disagreeing, refused, unreturned
from tests.helpers.pages import HOSTILE, Page

HEADER = Header(Kernel("7.3.0", (7, 3, 0), "x86_64", {}), "kprobe", (EntryPath.IO_URING,))


def page_of(
    folder: Path, made: Iterable[ListenCall], *, damage: str = "", source: str = "replayed", header: Header = HEADER
) -> str:
    """The page of a session that saw these calls."""
    file, judged = folder / "page.html", [(each, judge(each, BEHAVIOUR)) for each in made]
    page = HtmlPage(str(file), source)
    page.begin(header, ["ipv6_hash"])
    for each in judged:
        page.call(*each)
    page.end(summarise([verdict.kind for _, verdict in judged], 0), Missing(0, 1, damage=damage))
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text()


def test_each_call_is_there_with_its_stages(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, [call(), refused(), unreturned(), disagreeing()]))
    assert page.all("details", "id") == [f"call-{number}" for number in (1, 2, 3, 4)]
    assert page.all("details", "data-kind") == ["as_asked", "failed", "unknown", "disagree"]
    assert set(page.all("details", "data-bar")) <= set(page.all("g", "data-bar"))
    for text in ("security_socket_listen", "inet_csk_listen_start", "the call returns"):
        assert page.texts["th"].count(text) >= 2
    assert "Linux 7.3.0 x86_64, attach mode kprobe; replayed" in page.texts["p"]
    assert "1 still in the call at the end." in page.texts["p"]
    assert "calls by io_uring cannot be seen." in page.texts["p"]
    assert "Not known of this kernel, either outcome agrees: ipv6_hash." in page.texts["p"]
    assert "1 call disagrees with the model." in page.texts["p"]
    assert "part" in page.all("td", "class"), "what differs is marked"


def test_a_call_counts_as_often_as_it_was_made(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, [call()._replace(repeats=1234), refused()]))
    assert page.all("details", "id") == ["call-1234", "call-1235"]
    assert "1,234, all but the time is the same" in page.texts["dd"]
    assert "as asked 1234" in page.texts["li"]
    assert "Shown are" not in page.texts["p"]


def test_nothing_is_fetched_and_hostile_strings_are_text(tmp_path: Path) -> None:
    usual = Page(page_of(tmp_path, [disagreeing()]))
    hostile = disagreeing()._replace(comm=HOSTILE.encode())
    header = HEADER._replace(kernel=HEADER.kernel._replace(release=HOSTILE), attach=HOSTILE)
    text = page_of(tmp_path, [hostile], source=HOSTILE, header=header, damage=HOSTILE)
    page = Page(text)
    assert page.tags == usual.tags and "img" not in page.tags
    assert not set("\x1b\u202e\x00") & set(text)
    assert HOSTILE[:-6] + r"\x1b[2J\u202e\x00" in page.texts["b"]
    attributes = {name for _, attrs in page.elements for name in attrs}
    assert not attributes & {"src", "href", "action", "srcset", "poster", "style"}
    assert not {name for name in attributes if name.startswith("on")}


def test_what_is_left_out_is_said_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "KEPT", 3)
    made = [refused(), disagreeing(), *[call()] * 10]
    page = Page(page_of(tmp_path, made))
    assert page.all("details", "id") == [f"call-{number}" for number in (1, 2, 10, 11, 12)], "the refused one stays"
    said = "Shown are 5 of 12 calls: the last 3 that went as asked and the last 3 of all others."
    assert said in page.texts["p"]
    assert "as asked 10" in page.texts["li"], "the time line counts all"
    assert "Shown are" not in Page(page_of(tmp_path, [call()])).texts["p"]


def test_no_call_is_a_page_too(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, []))
    assert "No call was shown." in page.texts["p"] and "svg" not in page.tags
    assert "Nothing was compared." in page.texts["p"]


@pytest.mark.parametrize(
    ("summary", "damage", "kind", "said"),
    [
        (Summary(3, 0, 0, 0, 0), "", "good", "Every call that was compared agrees with the model, and none was lost."),
        (Summary(3, 0, 1, 1, 0), "", "good", "none was lost; of 2 it cannot be told."),
        (Summary(3, 2, 0, 0, 0), "line 9: torn", "bad", "2 calls disagree with the model; line 9: torn."),
        (Summary(3, 0, 0, 0, 4), "", "open", "Nothing disagrees; 4 calls have no record."),
        (Summary(3, 0, 0, 0, 0), "line 9: torn", "open", "Nothing disagrees; line 9: torn."),
        (Summary(0, 0, 0, 0, 0), "", "open", "Nothing was compared."),
    ],
)
def test_the_conclusion_says_what_the_exit_status_does(summary: Summary, damage: str, kind: str, said: str) -> None:
    told = conclusion(summary, damage)
    assert told[0] == kind and told[1].endswith(said)
    assert (summary.exit_status() == 0 and not damage) is (kind == "good")


def test_a_file_that_cannot_be_opened_is_an_error_before_anything_is_watched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        HtmlPage(str(tmp_path / "no" / "page.html"), "")
