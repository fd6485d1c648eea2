"""The files a matrix leaves: JSON lines, JUnit XML, KTAP and the HTML report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from listenwatch.errors import ObserveError
from listenwatch.matrix.results import Matrix
from listenwatch.report.html import html_report
from listenwatch.report.matrix.junit import junit
from listenwatch.report.matrix.ktap import matrix_ktap


def json_lines(matrix: Matrix) -> Iterator[str]:
    """Kernel by kernel what ``verify --json`` printed, each line with ``on``, the kernel's name; then the whole."""
    for kernel in matrix.kernels:
        for line in kernel.lines:
            yield json.dumps({"on": kernel.name, **line})
        for mode in kernel.modes:
            yield json.dumps({"on": kernel.name, "summary": mode.summary})
        if kernel.problem:
            yield json.dumps({"on": kernel.name, "problem": kernel.problem})
    kernels = [
        {"on": k.name, "series": k.series, "source": k.source, "release": k.release,
         "version": k.version, "seconds": round(k.seconds, 1), "problem": k.problem}
        for k in matrix.kernels
    ]  # fmt: skip
    whole = {"started": matrix.started, "seconds": round(matrix.seconds, 1), "kernels": kernels}
    yield json.dumps({"matrix": {**matrix.totals()._asdict(), **whole, "status": matrix.status()}})


def write_reports(matrix: Matrix, directory: Path) -> None:
    """Write all four; ObserveError where there is no room for them."""
    reports = {
        "matrix.jsonl": "".join(f"{line}\n" for line in json_lines(matrix)),
        "junit.xml": junit(matrix),
        "matrix.ktap": f"{matrix_ktap(matrix)}\n",
        "report.html": html_report(matrix),
    }
    for name, text in reports.items():
        try:
            (directory / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise ObserveError(f"{directory / name} cannot be written: {error.strerror}") from None
