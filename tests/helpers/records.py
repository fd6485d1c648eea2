"""Calls as the bytes the probe would have handed over."""

from __future__ import annotations

from typing import Any

from listenwatch.call.layout import WIRE_VERSION
from listenwatch.call.record import PLACES, WIRE, ListenCall


def encoded(call: ListenCall) -> bytes:
    """The record of a call: ``decode`` gives it back, but for what is looked for afterwards and the time's offset."""
    values: dict[str, Any] = dict.fromkeys(PLACES, 0)
    values |= {name: value for name, value in call._asdict().items() if name in values}
    values |= call.environment._asdict()
    for moment in ("pre", "post"):
        fields = getattr(call, moment)._asdict()
        values |= {f"{moment}.{name}": value or 0 for name, value in fields.items()}
    for index, stage in call.stages.items():
        values |= {f"stages.{int(index)}.{name}": value for name, value in stage._asdict().items()}
        values[f"stages.{int(index)}.seen"] = 1
    values |= {"version": WIRE_VERSION, "size": WIRE.size, "address_len": len(call.address)}
    return WIRE.pack(*values.values())
