"""Vectors: the calls of each kernel's first mode as a recording, judged as ``replay`` judges them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from listenwatch.errors import ObserveError
from listenwatch.jsonlines import call_from_json
from listenwatch.kernel import Kernel, behaviour_of
from listenwatch.matrix.results import Matrix, Mode
from listenwatch.record import ListenCall
from listenwatch.recording import Writer
from listenwatch.summary import summarise
from listenwatch.verdict import judge


def write_vectors(matrix: Matrix, directory: Path) -> list[Path]:
    """Write DIR/SERIES/MODE.jsonl for each kernel that was observed; returns what was written."""
    written = []
    for kernel in matrix.kernels:
        if kernel.modes:
            path = directory / kernel.series / f"{kernel.modes[0].attach}.jsonl"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(kernel.modes[0], path)
            except OSError as error:
                raise ObserveError(f"{path} cannot be written: {error.strerror}") from None
            written.append(path)
    return written


def _write(mode: Mode, path: Path) -> None:
    kernel = _kernel(mode)
    behaviour = behaviour_of(kernel)
    kinds = []
    writer = Writer(path.open("w"), kernel, mode.attach)
    for call in _calls(mode):
        verdict = judge(call, behaviour)
        writer.call(call, verdict)
        kinds.append(verdict.kind)
    writer.close(summarise(kinds, mode.totals.lost))


def _kernel(mode: Mode) -> Kernel:
    told = mode.summary["recorded_on"]
    major, minor, patch = told["version"]
    return Kernel(told["release"], (major, minor, patch), told["machine"], told["has"])


def _calls(mode: Mode) -> Iterator[ListenCall]:
    """Every call that has a record."""
    return (
        call_from_json(line) for lines in mode.calls.values() for line in lines if "schema" in line
    )
