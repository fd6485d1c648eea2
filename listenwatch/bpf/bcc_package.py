"""Finds the distribution's bcc package, and keeps what its library prints from the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO

from listenwatch.errors import ObserveError

# Where distributions put it for their own Python. PyPI's package of that name is something else
# and has no libbcc, so it is never looked up by its name.
PLACES = "usr/lib/python3/dist-packages/bcc/libbcc.py", "usr/lib/python3*/site-packages/bcc/libbcc.py"
_NAME = "listenwatch_bcc"


def find_package(root: Path = Path("/")) -> Path | None:
    """The folder of the package; None if it is not installed."""
    return next((path.parent for pattern in PLACES for path in root.glob(pattern)), None)


def load_package() -> ModuleType:
    """The package, by its path and under a name of our own; ObserveError names what to install."""
    import importlib.util  # only ``find_package`` is asked for by most

    if _NAME in sys.modules:
        return sys.modules[_NAME]
    folder = find_package()
    if folder is None:
        raise ObserveError(
            "bcc is not installed: run 'apt install python3-bpfcc' (never 'pip install bcc', "
            "which is something else), or use --engine core"
        )
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[_NAME]
        raise ObserveError(
            f"bcc in {folder} does not load ({error}): run 'apt install --reinstall "
            "python3-bpfcc libbpfcc', or use --engine core"
        ) from None
    return module


@contextmanager
def captured_stderr() -> Iterator[IO[bytes]]:
    """What anything in this process writes to descriptor 2 meanwhile: libbcc prints its errors there."""
    import tempfile

    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def written_to(file: IO[bytes]) -> str:
    """Everything written to it so far."""
    file.seek(0)
    return file.read().decode(errors="replace")
