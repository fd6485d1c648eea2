"""The matrix as one HTML file, made to be read and clicked through."""

from typing import Any

from listenwatch.conformance.histories.operations import to_json
from listenwatch.conformance.matrix.results import Matrix
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.report.judged import judged_reason
from listenwatch.report.page.calls import panel_data
from listenwatch.report.page.cards import conclusion, coverage, model, skips
from listenwatch.report.page.different import different_facts
from listenwatch.report.page.export import csv_of
from listenwatch.report.page.grid import SIGNS, Row, groups, rows
from listenwatch.report.page.template import embedded, render
from listenwatch.verdict.summary import Summary


def html_report(matrix: Matrix) -> str:
    """The whole page."""
    scenarios = rows(matrix)
    return render(
        "page.html", ["page.css"], ["page.js", "panel.js"],
        matrix=matrix, kernels=matrix.kernels,
        started=f"{matrix.started[:19].replace('T', ' ')} UTC", conclusion=conclusion(matrix),
        differing=sum(bool(row.differences) for row in scenarios), counts=Summary._fields,
        different=different_facts(scenarios), csv=csv_of(scenarios),
        skips=skips, model=model, groups=groups(scenarios), signs=SIGNS,
        coverage=coverage(matrix.kernels), data=embedded(_data(matrix, scenarios)),
        reason=judged_reason, to_json=to_json,
    )  # fmt: skip


def _data(matrix: Matrix, scenarios: list[Row]) -> dict[str, Any]:
    """What the page's script shows of a cell."""
    return panel_data(matrix.kernels) | {
        "scenarios": {
            row.name: [row.summary, [[d.what, d.calls, d.values] for d in row.differences]]
            for row in scenarios
        },
        "rules": {rule.value: rule.text for rule in (*Rule, *BacklogRule)},
    }
