"""The recordings of real kernels."""

from __future__ import annotations

import gzip
from pathlib import Path

from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Recording
from tests import ROOT

FOLDER = ROOT / "tests/vectors"
VECTORS = sorted(FOLDER.glob("*/*.jsonl.gz"))


def name_of(path: Path) -> str:
    """``6.1-kprobe``"""
    return f"{path.parent.name}-{path.name.partition('.')[0]}"


def lines_of(path: Path) -> list[bytes]:
    """The lines as they are."""
    return gzip.decompress(path.read_bytes()).splitlines()


def load(path: Path) -> tuple[Recording, list[ListenCall]]:
    """A recording and its calls."""
    with path.open("rb") as stream:
        recording = Recording(stream, path.name)
        return recording, list(recording.calls())
