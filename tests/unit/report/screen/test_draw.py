"""The screen fits the terminal, whatever its size and however many listeners, and shows names instead of obeying them."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from listenwatch.report.screen.draw import draw
from listenwatch.report.screen.view import View
from listenwatch.sockets.consumer import Consumer, Progress
from listenwatch.sockets.process_view import Activity, ProcessView
from listenwatch.sockets.sampling import Sample
from tests.helpers.sampled import listener, sample

FULL = listener(6379, queue=5, limit=4, drops=300, name="redis-server")
BUSY = sample((FULL, 25.5), (listener(80, queue=4, limit=9, name="nginx"), 0.0), (listener(22, drops=None, name="sshd"), None))
MANY = sample(*((listener(port, limit=128), 0.0) for port in range(1, 501)))
SIZES = [(40, 8), (80, 24), (100, 30), (200, 60)]


def lines(shown: Sample | None, view: View, width: int = 80, height: int = 24) -> list[str]:
    """What a terminal of this size shows."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(draw(shown, view, width, height))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shown", [BUSY, MANY, sample(), sample(unseen=("this", "that", "more"))])
def test_it_fills_the_terminal_and_no_more(shown: Sample, size: tuple[int, int]) -> None:
    width, height = size
    text = lines(shown, View(), width, height)
    assert len(text) == height
    assert max(map(cell_len, text)) <= width
    assert text[-1].startswith("↑↓ choose")


def test_each_listener_has_its_numbers_its_diagnosis_and_a_bar() -> None:
    text = lines(BUSY, View())
    assert text[0] == "23:40:05 UTC  3 listeners  1 full  25.5 refused/s"
    assert text[1].split() == ["PID", "COMMAND", "LOCAL", "FULL", "QUEUE/CAP", "REFUSED/s", "DIAGNOSIS"]
    assert text[2].split()[:3] == ["6379", "redis-ser…", "127.0.0.1:6379"]
    assert text[2].split()[3:] == ["━━━━━━━━", "5/5", "25.5", "full", "now,", "lik…"]
    assert text[3].split()[:6] == ["80", "nginx", "127.0.0.1:80", "━━━", "4/10", "0.0"]
    assert text[4].split()[:5] == ["22", "sshd", "127.0.0.1:22", "0/5", "-"]
    assert any(line.startswith("── by fullness ─") for line in text)
    details = "\n".join(text)
    assert "redis-server (pid 6379) on 127.0.0.1:6379" in details
    assert "300 refused since it was made" in details
    assert "full now: 5 connections wait, one more than the limit" in details
    assert "1. restart it" in details


def test_more_listeners_than_fit_are_a_page_and_say_so() -> None:
    view = View("port")
    text = lines(MANY, view)
    shown = [line for line in text if "127.0.0.1:" in line and line.split()[0].isdigit()]
    assert len(shown) == view.page and f"── by port, 1-{view.page} of 500 ─" in "\n".join(text)
    view.press("end")
    text = lines(MANY, view)
    assert any(line.split()[:1] == ["500"] for line in text)
    assert "of 500 ─" in "\n".join(text) and len(text) == 24


def test_a_wide_terminal_has_the_protocol_and_where_the_process_lives() -> None:
    assert "PROTO" not in lines(BUSY, View(), 99)[1] and "PROTO" in lines(BUSY, View(), 100)[1]
    assert "WHERE" not in lines(BUSY, View(), 129)[1] and "WHERE" in lines(BUSY, View(), 130)[1]
    assert "FULL" not in lines(BUSY, View(), 69)[1]


def test_what_keeps_a_process_from_accepting_stands_first() -> None:
    stopped = Consumer(Progress.NOTHING_ACCEPTED, Activity.STOPPED, (ProcessView(6379, Activity.STOPPED),), 1, 0.3, 0)
    text = lines(sample((FULL._replace(consumer=stopped), 25.5)), View(), 120)
    assert "stopped, full now" in text[2]
    below = text[next(number for number, line in enumerate(text) if line.startswith("── by")) + 2 :]
    assert below[0] == "Process 6379 is stopped: it accepts nothing."
    assert below[1] == "1. kill -CONT 6379"
    assert below[2] == "A longer queue only buys time:"


def test_names_are_text_and_no_markup_nor_escape_sequence() -> None:
    hostile = "[red]:smile:\x1b[2J\u202e"
    view = View()
    text = "\n".join(lines(sample((listener(1, name=hostile), 0.0)), view, 200))
    assert "[red]:smile:\\x1b[2J\\u202e" in text
    view.press("/")
    for character in "[bold]":
        view.press(character)
    assert "/[bold]" in lines(sample((listener(1, name=hostile), 0.0)), view)[-1]


def test_the_first_look_the_pause_and_nothing_are_said() -> None:
    assert "looking at" in lines(None, View())[0]
    view = View()
    view.paused = True
    assert lines(BUSY, view)[0].endswith("paused")
    assert "nothing listens" in "\n".join(lines(sample(), View()))
    view.filter = "nobody"
    assert "no listener matches the filter" in "\n".join(lines(BUSY, view))
    assert "no listener matches the options" in "\n".join(lines(sample()._replace(total=4), View()))
    assert lines(sample(unseen=("this",)), View())[1] == "not seen: this"
