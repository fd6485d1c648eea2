"""The grid: a row for each scenario, a cell for each kernel, in it a sign for each attach mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from listenwatch.matrix.results import KernelRun
from listenwatch.report.page.differ import Differing
from listenwatch.report.page.markup import Markup, element, joined

SIGNS = {
    "AGREE": "✓",
    "DISAGREE": "✗",
    "INCONCLUSIVE": "?",
    "UNMODELLED": "∅",
    "ERROR": "!",
    "SKIP": "–",
}
"""A sign for each word, so that nobody has to tell them by colour."""


class Row(NamedTuple):
    """One scenario: the group it stands in, what it shows, and in what kernels differ."""

    name: str
    group: str
    summary: str
    differences: Sequence[Differing]


def grid(rows: Sequence[Row], kernels: Sequence[KernelRun], titles: dict[str, str]) -> Markup:
    """The whole table; ``titles`` says for a group what its scenarios are about."""
    groups = [(name, list(members)) for name, members in groupby(rows, lambda row: row.group)]
    return element(
        "table",
        element("thead", element("tr", *_heads(kernels))),
        *(
            joined(
                _group(name, titles.get(name, ""), members, kernels), _body(name, members, kernels)
            )
            for name, members in groups
        ),
        id="grid",
    )


def _heads(kernels: Sequence[KernelRun]) -> Iterator[Markup]:
    yield element("th", "scenario", scope="col", class_="name")
    for kernel in kernels:
        below = (
            element("span", "not run", class_="tag")
            if kernel.problem
            else element(
                "span", *(element("i", m.name, title=m.name) for m in kernel.modes), class_="modes"
            )
        )
        yield element("th", element("span", kernel.name, class_="kernel"), below, scope="col")
    yield element("th", "differs between kernels", scope="col", class_="what")


def _group(name: str, title: str, rows: Sequence[Row], kernels: Sequence[KernelRun]) -> Markup:
    """The line above a group's scenarios, which folds them; it sums them up for each kernel."""
    button = element(
        "button",
        element("b", name),
        element("span", str(len(rows)), class_="count"),
        type="button",
        aria_expanded="true",
        aria_controls=f"group-{name}",
        title=title,
    )
    sums = (element("td", *_sums(rows, kernel)) for kernel in kernels)
    head = element("th", button, scope="rowgroup", class_="name")
    about = element("td", title, class_="what")
    return element("tbody", element("tr", head, *sums, about), class_="group")


def _sums(rows: Sequence[Row], kernel: KernelRun) -> Iterator[Markup]:
    """How many scenarios of a group ended how, in the worst of a kernel's modes."""
    count = Counter(
        worst for row in rows if (worst := _worst(mode.word(row.name) for mode in kernel.modes))
    )
    for word, sign in SIGNS.items():
        if count[word]:
            yield element("span", f"{sign}{count[word]}", class_=f"sum {word.lower()}", title=word)


def _worst(words: Iterable[str]) -> str:
    """The word to worry about; one mode that could see the scenario is enough not to be a skip."""
    met = set(words)
    order = ("DISAGREE", "ERROR", "UNMODELLED", "INCONCLUSIVE", "AGREE", "SKIP")
    return next((word for word in order if word in met), "")


def _body(group: str, rows: Sequence[Row], kernels: Sequence[KernelRun]) -> Markup:
    return element("tbody", *(_row(row, kernels) for row in rows), id=f"group-{group}")


def _row(row: Row, kernels: Sequence[KernelRun]) -> Markup:
    words = {mode.word(row.name) for kernel in kernels for mode in kernel.modes} - {""}
    apart = {kernel for differing in row.differences for kernel in differing.apart}
    told = [str(differing) for differing in row.differences]
    more = f" (and {len(told) - 1} more)" if told[1:] else ""
    return element(
        "tr",
        element("th", row.name, scope="row", class_="name", title=row.summary),
        *(_cell(row.name, kernel, apart=kernel.name in apart) for kernel in kernels),
        element("td", "".join((*told[:1], more)), class_="what", title="\n".join(told) or None),
        data_name=row.name,
        data_words=" ".join(sorted(words)),
        data_differs=bool(row.differences),
    )


def _cell(scenario: str, kernel: KernelRun, *, apart: bool) -> Markup:
    ran = [(mode.name, mode.word(scenario)) for mode in kernel.modes if mode.word(scenario)]
    if not ran:
        return element("td", "·", class_="none", title=f"{kernel.name}: not run")
    told = ", ".join(f"{mode} {word}" for mode, word in ran)
    told = f"{told}; differs from other kernels" if apart else told
    button = element(
        "button",
        *(element("i", SIGNS[word], class_=word.lower()) for _, word in ran),
        type="button",
        tabindex=-1,
        data_kernel=kernel.name,
        aria_label=f"{kernel.name} {scenario}: {told}",
    )
    return element("td", button, class_="apart" if apart else None)
