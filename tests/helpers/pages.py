"""Reads the HTML report as a browser would, and makes matrices for it by way of the JSON lines of ``verify``."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.matrix.results import GUEST, HERE, KernelRun, Matrix, kernel_run
from listenwatch.conformance.run import Result
from listenwatch.model.inputs import Family
from listenwatch.report.runs.json_lines import call_lines, summary_line
from tests.helpers.scenarios import AGREED, DISAGREED, FAILED, SETTING, SKIPPED, scenario_run

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{policy}<!--\x1b[2J\u202e\x00"
VOID = {"meta", "input"}


class Page(HTMLParser):
    """A page, read as a browser would: its elements in order, and the text of each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, "every element ends"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> ends another element"

    def handle_data(self, data: str) -> None:
        kind = self._open[-1] if self._open else ""
        self.texts[kind] = self.texts.get(kind, "") + data

    def all(self, tag: str, attribute: str) -> list[str]:
        """An attribute of every element that has it."""
        return [
            attrs[attribute] for name, attrs in self.elements if name == tag and attribute in attrs
        ]

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def ran(series: str, *results: Result, source: str = GUEST, **setting: str) -> KernelRun:
    """A kernel's run, through the JSON lines that ``verify`` prints."""
    addressed = [result._replace(calls=tuple(map(_addressed, result.calls))) for result in results]
    run = scenario_run(*addressed, setting=SETTING._replace(kernel=f"{series} x86_64")._replace(**setting))
    lines: list[dict[str, Any]] = [
        line for result in addressed for line in call_lines(run.setting, result)
    ]
    lines.append(dict(summary_line(run)))
    return kernel_run(series, source, 12.3, json.loads(json.dumps(lines)))


def _addressed(judged: Judged) -> Judged:
    """The same with the address that a record of a real call has."""
    call = judged.call
    size = 16 if call and call.pre.family == Family.INET6 else 4
    return judged._replace(call=call._replace(address=bytes(size))) if call else judged


def matrix(*kernels: KernelRun) -> Matrix:
    return Matrix(kernels, "2026-11-25T03:40:11Z", 431.2)


GONE = kernel_run("6.12", GUEST, 3.0, [], "no suite of the mirror has it")
KERNELS = matrix(
    ran("6.1", AGREED, DISAGREED, SKIPPED, FAILED), GONE, ran("7.3", AGREED, source=HERE)
)
