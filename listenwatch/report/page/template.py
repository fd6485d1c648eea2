"""A page of one file: everything in it, nothing fetched, and nothing in it that a program chose is obeyed."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from listenwatch.linux.terminal import escape
from listenwatch.version import __version__


def render(template: str, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> str:
    """A template with its style sheets and scripts, all of this folder.

    Strings the kernels' programs chose are shown, never obeyed: text is escaped, data is JSON
    without a ``<``, and the page's policy lets no script run but its own and nothing be loaded.
    """
    style, script = "".join(map(_piece, styles)), "".join(map(_piece, scripts))
    environment = Environment(
        loader=PackageLoader("listenwatch.report", "page"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=StrictUndefined, finalize=visible,
    )  # fmt: skip
    return environment.get_template(template).render(
        style=Markup(style), script=Markup(script), version=__version__,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}", **values,
    )  # fmt: skip


def _piece(name: str) -> str:
    return (files("listenwatch.report.page") / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """A source as Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def embedded(data: object) -> Markup:
    r"""JSON that no HTML parser sees an end or a comment in: ``<``, ``>`` and ``&`` as ``\u`` escapes."""
    dumped = json.dumps(visible(data), separators=(",", ":"))
    for character in "<>&":
        dumped = dumped.replace(character, f"\\u{ord(character):04x}")
    return Markup(dumped)


def visible(value: Any) -> Any:
    """The same with every string, keys too, fit to be shown: its only unprintable characters are line ends."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(escape, value.split("\n")))
    if isinstance(value, dict):
        return {visible(key): visible(of_key) for key, of_key in value.items()}
    return [visible(item) for item in value] if isinstance(value, list | tuple) else value
