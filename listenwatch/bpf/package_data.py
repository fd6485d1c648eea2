"""What ``make objects`` puts into this package: the compiled BPF objects, and the sources bcc compiles."""

from pathlib import Path

from listenwatch.errors import ObserveError

_PACKAGE = Path(__file__).parent


def is_compiled(name: str) -> bool:
    """Whether the object compiled from probes/NAME.bpf.c is here."""
    return (_PACKAGE / f"{name}.bpf.o").is_file()


def read_object(name: str) -> bytes:
    """The object compiled from probes/NAME.bpf.c; ObserveError where there is none."""
    try:
        return (_PACKAGE / f"{name}.bpf.o").read_bytes()
    except FileNotFoundError:
        raise ObserveError("the probe is not compiled: run 'make setup'") from None


def bcc_source() -> Path:
    """The folder with listen.bcc.c and the headers it includes; ObserveError where it is missing."""
    folder = _PACKAGE / "source"
    if not (folder / "listen.bcc.c").is_file():
        raise ObserveError("the source of the probe for bcc is missing: run 'make setup', or use --engine core")
    return folder
