"""What each key does to the screen: order, filter, the listener chosen, pause, quit."""

from __future__ import annotations

import pytest

from listenwatch.report.screen.view import View
from tests.helpers.sampled import listener, sample

MANY = sample(*((listener(port, queue=port % 5, limit=9, name=f"p{port}"), float(port % 3)) for port in range(1, 101)))


def ports(view: View) -> list[int]:
    return [sampled.shown.row.listener.port for sampled in view.listed(MANY)]


def pressed(*keys: str, page: int = 10) -> View:
    view = View()
    view.page = page
    view.listed(MANY)
    for key in keys:
        view.press(key)
    return view


@pytest.mark.parametrize(
    ("key", "first"), [("f", [4, 9, 14]), ("r", [2, 5, 8]), ("p", [1, 2, 3]), ("n", [1, 10, 100])]
)
def test_a_key_sorts(key: str, first: list[int]) -> None:
    assert ports(pressed("p", key))[:3] == first


def test_what_is_typed_after_a_slash_filters_and_is_no_command() -> None:
    view = pressed("/", "P", "1", "q", "backspace")
    assert (view.filter, view.typing, view.over) == ("P1", True, False)
    assert ports(view) and all(str(port).startswith("1") for port in ports(view))
    view.press("enter")
    assert (view.filter, view.typing) == ("P1", False)
    view.press("escape")
    assert view.filter == "" and len(ports(view)) == 100
    assert pressed("/", "x", "clear", "y").filter == "y"
    assert pressed("/", "x", "escape").filter == ""


@pytest.mark.parametrize("words", ["p42", "127.0.0.1:42", "own limit", "42 p42", "tcp"])
def test_the_filter_finds_process_address_and_diagnosis(words: str) -> None:
    assert 42 in ports(pressed("/", *words, "enter"))


def test_the_page_follows_the_listener_chosen() -> None:
    view = pressed("p", "end")
    assert len(ports(view)) == 100
    assert (view.selected, view.first) == (99, 90)
    view.press("page up")
    assert (view.selected, view.first) == (89, 89)
    for key in ("up", "k", "down", "j", "page down", "page down", "down"):
        view.press(key)
    assert (view.selected, view.first) == (99, 90), "the end is the end"
    view.press("home")
    assert (view.selected, view.first) == (0, 0)


def test_the_listener_chosen_stays_chosen_where_it_moves_in_the_list_and_when_it_goes_the_first_is() -> None:
    view = pressed("p", "down", "down")
    assert ports(view)[view.selected] == 3
    busier = sample(*((listener(port, queue=9 if port == 3 else 0, limit=9), 0.0) for port in (1, 2, 3)))
    view.order = "fullness"
    assert view.listed(busier)[view.selected].shown.row.listener.port == 3
    gone = sample((listener(7), 0.0), (listener(8), 0.0))
    assert view.listed(gone)[view.selected].shown.row.listener.port == 7


def test_pause_and_quit() -> None:
    assert pressed(" ").paused and not pressed(" ", " ").paused
    assert pressed("q").over and not pressed("x").over


def test_an_empty_list_has_nothing_to_move_in() -> None:
    view = View()
    assert view.listed(sample()) == []
    view.press("down")
    assert (view.selected, view.first) == (0, 0)
