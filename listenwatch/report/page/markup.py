"""HTML elements from text that nobody vouches for: what is not Markup is escaped."""

from __future__ import annotations

import html

from listenwatch.terminal import escape


class Markup(str):
    """Text that is HTML already."""


def element(tag: str, *children: str, **attributes: str | int | bool | None) -> Markup:
    """One element; ``class_`` is ``class``, ``data_name`` is ``data-name``; True is an attribute without value.

    An attribute that is None or False is left out.
    """
    opened = "".join(
        f" {name.rstrip('_').replace('_', '-')}{_value(value)}"
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{tag}{opened}>{joined(*children)}</{tag}>")


def joined(*children: str) -> Markup:
    """The children one after another."""
    return Markup("".join(c if isinstance(c, Markup) else text(c) for c in children))


def text(plain: str) -> Markup:
    """Plain text; control characters and what reorders text become backslash escapes, line ends stay."""
    return Markup(html.escape(visible(plain)))


def visible(plain: str) -> str:
    """Plain text whose only unprintable characters are line ends."""
    return "\n".join(map(escape, plain.split("\n")))


def _value(value: str | int | bool) -> str:
    return "" if value is True else f'="{text(str(value))}"'
