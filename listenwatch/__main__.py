"""The program, as ``listenwatch`` and as ``python -m listenwatch``: an interrupt finds it ready before anything is imported."""

import _signal  # type: ignore[import-not-found]  # what signal is made of, without enum, which takes a while to import
import gc
import os
import sys
from collections.abc import Callable
from types import FrameType

NOT_OBSERVED = 3
"""The exit status of whatever the program cannot go on after."""


def _leaving_with(status: int) -> Callable[[int, FrameType | None], None]:
    """A handler that ends the process at once: where nothing is under way, and nothing left to write."""
    return lambda _number, _frame: os._exit(status)


def main() -> int:
    """Run the command line; returns the exit status, for each interrupt and each fault too."""
    heeded = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler  # not if started with it ignored
    status: int = 128 + _signal.SIGINT
    if heeded:
        _signal.signal(_signal.SIGINT, _leaving_with(status))
    try:
        status = _run(heeded)
    except KeyboardInterrupt:
        pass
    except SystemExit as end:  # argparse, and signals that end a guest
        status = end.code if isinstance(end.code, int) else NOT_OBSERVED
    except Exception as error:  # before the command line could take over: a module missing, no descriptor left
        status = NOT_OBSERVED
        os.write(2, f"listenwatch: cannot start: {type(error).__name__}: {error}\n".encode(errors="backslashreplace"))
    if heeded:
        _signal.signal(_signal.SIGINT, _leaving_with(status))
    gc.freeze()  # the interpreter would look through all that is there for garbage before it ends
    return status


def _run(heeded: bool) -> int:
    gc.disable()  # nothing is garbage yet: looking for it would make importing a tenth slower
    from listenwatch.linux import streams

    if not streams.complete():
        sys.stderr.write("listenwatch: standard output is closed: redirect it to /dev/null if nobody is to read it\n")
        return NOT_OBSERVED
    from listenwatch import cli
    from listenwatch.linux import interrupt

    def ready() -> None:
        gc.enable()
        if heeded:
            _signal.signal(_signal.SIGINT, interrupt.raise_it)

    try:
        return cli.main(ready=ready)
    finally:
        streams.flush()


if __name__ == "__main__":
    sys.exit(main())
