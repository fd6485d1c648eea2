"""What generated histories are made of, read from the module that does it."""

from __future__ import annotations

import inspect

from listenwatch.conformance.histories import calls

OPERATIONS = {
    name
    for name, function in inspect.getmembers(calls, inspect.isfunction)
    if not name.startswith("_") and name != "new_namespace"
}
"""The name of every operation there is."""
