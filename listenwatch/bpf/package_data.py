"""What ``make objects`` puts into this package: the compiled BPF objects, and the sources bcc compiles.

A package has the objects for every machine (``os.uname().machine``) that there are any for.
"""

import os
from pathlib import Path

from listenwatch.errors import ObserveError

_PACKAGE = Path(__file__).parent


def _object_name(name: str) -> str:
    return f"{name}.{os.uname().machine}.bpf.o"


def is_compiled(name: str) -> bool:
    """Whether the object compiled from probes/NAME.bpf.c for this machine is here."""
    return (_PACKAGE / _object_name(name)).is_file()


def read_object(name: str) -> bytes:
    """The object compiled from probes/NAME.bpf.c for this machine; ObserveError where there is none."""
    try:
        return (_PACKAGE / _object_name(name)).read_bytes()
    except FileNotFoundError:
        raise ObserveError("the probe is not compiled: run 'make setup'") from None


def bcc_source() -> Path:
    """The folder with listen.bcc.c and the headers it includes; ObserveError where it is missing."""
    folder = _PACKAGE / "source"
    if not (folder / "listen.bcc.c").is_file():
        raise ObserveError("the source of the probe for bcc is missing: run 'make setup', or use --engine core")
    return folder
