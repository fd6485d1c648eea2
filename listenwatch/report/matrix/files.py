"""The files a matrix leaves: JSON lines, JUnit XML, KTAP and the HTML report."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from listenwatch.call.keys import (
    KernelObject,
    On,
    Only,
    Reason,
    Release,
    Seconds,
    Time,
    Totals,
    kernel_object,
)
from listenwatch.conformance.matrix.results import GUEST, HERE, Matrix
from listenwatch.errors import ObserveError
from listenwatch.linux.output_file import write_file
from listenwatch.report.html import html_report
from listenwatch.report.matrix.junit import junit
from listenwatch.report.runs.ktap import matrix_ktap


class ProblemLine(TypedDict):
    """Why a kernel could not be observed, of ``matrix.jsonl``."""

    schema: Literal["listenwatch/problem/1"]
    on: On
    reason: Reason


class MatrixKernel(TypedDict):
    """A kernel of the matrix."""

    on: On
    series: Annotated[Release, "of the kernel: major and minor number"]
    source: Annotated[str, Only(of=(HERE, GUEST)), "where it ran"]
    kernel: Annotated[KernelObject | None, "null where nothing was observed"]
    seconds: Seconds
    problem: Annotated[str | None, "why it could not be observed"]


class MatrixSummary(Totals):
    """What all kernels came to."""

    started: Time
    seconds: Seconds
    kernels: list[MatrixKernel]
    status: Annotated[int, Only(of=(0, 1, 3, 4)), "the exit status"]


class MatrixSummaryLine(TypedDict):
    """The last line of ``matrix.jsonl`` and of ``matrix --json``."""

    schema: Literal["listenwatch/matrix-summary/1"]
    reason: Annotated[Reason, "the totals in words"]
    summary: MatrixSummary


def json_lines(matrix: Matrix) -> Iterator[str]:
    """Kernel by kernel what ``verify --json`` printed, each line with ``on``, the kernel's name; then the whole."""
    for kernel in matrix.kernels:
        for line in kernel.lines:
            yield json.dumps({**line, "on": kernel.name})
        if kernel.problem:
            problem: ProblemLine = {"schema": "listenwatch/problem/1", "on": kernel.name, "reason": kernel.problem}
            yield json.dumps(problem)
    yield json.dumps(_summary_line(matrix))


def _summary_line(matrix: Matrix) -> MatrixSummaryLine:
    totals = matrix.totals()
    kernels: list[MatrixKernel] = [
        {"on": k.name, "series": k.series, "source": k.source, "seconds": round(k.seconds, 1),
         "kernel": kernel_object(k.runs[0].kernel) if k.runs else None, "problem": k.problem or None}
        for k in matrix.kernels
    ]  # fmt: skip
    return {
        "schema": "listenwatch/matrix-summary/1", "reason": str(totals), "summary": {
            **totals.as_object(), "started": matrix.started, "seconds": round(matrix.seconds, 1),
            "kernels": kernels, "status": matrix.status(),
        },
    }  # fmt: skip


FILES: dict[str, Callable[[Matrix], str]] = {
    "matrix.jsonl": lambda matrix: "".join(f"{line}\n" for line in json_lines(matrix)),
    "junit.xml": junit,
    "matrix.ktap": lambda matrix: f"{matrix_ktap(matrix)}\n",
    "report.html": html_report,
}
"""Every file a matrix leaves, and what writes it."""


def write_reports(matrix: Matrix, directory: Path) -> None:
    """Write all of them; ObserveError where there is no room."""
    for name, report in FILES.items():
        try:
            text = report(matrix)
            write_file(directory / name, text.encode(errors="backslashreplace"))
        except OSError as error:
            raise ObserveError(f"{directory / name} cannot be written: {error.strerror}") from None
