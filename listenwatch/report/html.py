"""The matrix as one HTML file: everything in it, nothing fetched, made to be read and clicked through."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from listenwatch import __version__
from listenwatch.matrix.results import Matrix
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.report.page.calls import panel_data
from listenwatch.report.page.cards import cards, headline
from listenwatch.report.page.coverage import coverage
from listenwatch.report.page.differ import differences
from listenwatch.report.page.grid import Row, grid
from listenwatch.report.page.markup import Markup, text, visible
from listenwatch.scenarios.catalogue import FILES, all_scenarios


def html_report(matrix: Matrix) -> str:
    """The whole page.

    Strings the kernels' programs chose are shown, never obeyed: text is escaped, data is JSON
    without a ``<``, and the page's policy lets no script run but its own and nothing be loaded.
    """
    kernels, rows = matrix.kernels, _rows(matrix)
    started = matrix.started.replace("T", " ").replace("Z", " UTC")
    made = f"{started} in {matrix.seconds:.0f} s, by listenwatch {__version__}"
    style, script = _piece("page.css"), _piece("page.js")
    data = panel_data(kernels) | {
        "scenarios": {
            row.name: [row.summary, [[d.what, d.calls, d.values] for d in row.differences]]
            for row in rows
        },
        "rules": {rule.value: rule.text for rule in (*Rule, *BacklogRule)},
    }
    return _piece("page.html").format(
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}",
        style=style,
        script=script,
        made=text(made),
        headline=headline(matrix, sum(bool(row.differences) for row in rows)),
        cards=cards(kernels),
        unless_scenarios="" if rows else " hidden",
        grid=grid(rows, kernels, _titles()),
        coverage=coverage(kernels),
        data=_embedded(data),
    )


def _rows(matrix: Matrix) -> list[Row]:
    """Every scenario a kernel ran, group by group, and in what the kernels differ there."""
    known = {scenario.name: scenario for scenario in all_scenarios()}
    ran = matrix.scenario_names
    ordered = [name for name in known if name in ran] + [name for name in ran if name not in known]
    return [
        Row(
            name,
            known[name].file if name in known else _FOREIGN,
            known[name].summary if name in known else "",
            differences(name, matrix.kernels),
        )
        for name in ordered
    ]


_FOREIGN = "other"
"""The group of scenarios that another version of listenwatch knew."""


def _titles() -> dict[str, str]:
    """What the scenarios of each file are about: the first line of its docstring."""
    return {
        file.__name__.rpartition(".")[2]: (file.__doc__ or "").partition("\n")[0] for file in FILES
    }


def _piece(name: str) -> str:
    return (files("listenwatch.report.page") / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """A source as Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _embedded(data: object) -> Markup:
    r"""JSON that no HTML parser sees an end or a comment in: ``<``, ``>`` and ``&`` as ``\u`` escapes."""
    dumped = json.dumps(_visible(data), separators=(",", ":"))
    for character in "<>&":
        dumped = dumped.replace(character, f"\\u{ord(character):04x}")
    return Markup(dumped)


def _visible(value: Any) -> Any:
    """The same with every string, keys too, fit to be shown."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(key): _visible(of_key) for key, of_key in value.items()}
    return [_visible(each) for each in value] if isinstance(value, list | tuple) else value
