"""The grid as a spreadsheet, in a link of the page: nothing is fetched, and no script is needed."""

import base64
import csv
import io
from collections.abc import Sequence

from listenwatch.report.page.grid import Row

_FORMULA = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet would calculate."""


def csv_of(scenarios: Sequence[Row]) -> str:
    """A ``data:`` address with a line for each scenario and a column for each kernel and mode."""
    columns = list(dict.fromkeys((c.kernel, mode) for row in scenarios for c in row.cells for mode, _ in c.words))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    heads = ["group", "scenario", *(f"{kernel} {mode}" for kernel, mode in columns), "differs between kernels"]
    writer.writerow(map(_plain, heads))
    for row in scenarios:
        words = {(cell.kernel, mode): word for cell in row.cells for mode, word in cell.words}
        cells = [words.get(column, "") for column in columns]
        writer.writerow(map(_plain, [row.group, row.name, *cells, "; ".join(map(str, row.differences))]))
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.getvalue().encode(errors='backslashreplace')).decode()}"


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
