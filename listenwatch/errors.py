"""Errors a user can act on: one line that says what happened and what to do next.

The whole tree::

    ListenwatchError
    ├── UsageError            the command line asks for something impossible (exit status 2)
    ├── ObserveError          this kernel or this user cannot watch listen() (3)
    ├── RecordingError        a recording is damaged, cut or too new (3)
    └── GuestError            a guest kernel could not be fetched or booted (3)
"""


from collections.abc import Iterable


class ListenwatchError(Exception):
    """A one-line error that says what to do next; ``status`` is the exit status."""

    status = 3


class UsageError(ListenwatchError):
    """The command line asks for something that cannot be done."""

    status = 2


class ObserveError(ListenwatchError):
    """The probes cannot run here; ``log`` holds what libbpf and the verifier said."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class RecordingError(ListenwatchError):
    """A recording cannot be read further; the message names the line."""


class GuestError(ListenwatchError):
    """A guest kernel could not be fetched, booted or kept running."""


class Skip(Exception):
    """This machine cannot run the scenario, or check the exercise; the message says why. No error of the program."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What follows a complaint about an unknown word: the known one nearest to it, or nothing if none is near."""
    from difflib import get_close_matches  # only mistakes need it

    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, 1)
    return f": did you mean '{by_lower[near[0]]}'?" if near else ""
