"""A recording, judged again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from listenwatch.api.judged_call import JudgedCall
from listenwatch.call.header import Header
from listenwatch.call.recording import Recording
from listenwatch.errors import UsageError
from listenwatch.linux.terminal import escape
from listenwatch.session.filters import CallFilter
from listenwatch.session.session import Session
from listenwatch.session.source import Recorded
from listenwatch.verdict.summary import Summary


class Replay:
    """The calls of a recording, once, in their order; also a context manager.

    ``header`` names the kernel it was made on and the attach mode; ``summary`` has the totals of the
    calls read so far. RecordingError where the file is damaged, after the calls before the damage.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self._stream = Path(path).open("rb")  # noqa: SIM115  closed by close()
        except OSError as error:
            raise UsageError(f"cannot read {escape(str(path))}: {error.strerror}") from None
        try:
            self._session = Session(Recorded(Recording(self._stream, escape(str(path)))), CallFilter())
        except BaseException:
            self._stream.close()
            raise
        self._calls = iter(self._session)

    @property
    def header(self) -> Header:
        """The kernel and the attach mode of the recording."""
        return self._session.header

    @property
    def summary(self) -> Summary:
        """Calls by verdict, and how many were lost (known at the end)."""
        return self._session.summary()[0]

    def __iter__(self) -> Iterator[JudgedCall]:
        return self

    def __next__(self) -> JudgedCall:
        try:
            call, verdict = next(self._calls)
        except BaseException:
            self._stream.close()
            raise
        return JudgedCall(call, verdict, self.header.kernel)

    def close(self) -> None:
        """Close the file; also at the end of the calls."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def replay(path: str | os.PathLike[str]) -> Replay:
    """Judge a recording of ``listenwatch watch -o`` again, by the kernel it was made on.

    UsageError if it cannot be opened, RecordingError if it is none.
    """
    return Replay(path)
