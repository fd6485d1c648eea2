"""The Grafana dashboard of deploy/: its panels, and their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests import ROOT

FILE = ROOT / "deploy/grafana/listenwatch.json"
_VARIABLES = {"$instance": ".*", "$job": ".*", "$__rate_interval": "10m", "$__range": "10m"}


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FILE.read_text())
    return loaded


def panels() -> list[dict[str, Any]]:
    """Every panel but the heads of rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """The title of a panel and an expression of it, once for each; then that of the alerts."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], filled(target["expr"])
    for each in dashboard()["annotations"]["list"]:
        yield each["name"], filled(each["expr"])


def filled(expression: str) -> str:
    """With a value for each variable; none is left."""
    for name, value in _VARIABLES.items():
        expression = re.sub(rf"{re.escape(name)}\b", value, expression)
    assert "$" not in expression, expression
    return expression
