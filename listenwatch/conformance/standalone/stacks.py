"""Which stack answers are judged as: a release of Linux, or gVisor; and what its witnesses say there."""

from typing import NamedTuple

from listenwatch.conformance.standalone.answers import Header
from listenwatch.errors import UsageError
from listenwatch.features.behaviour import behaviour_of_any
from listenwatch.linux.kernel import Kernel, parse_version
from listenwatch.model.gvisor import GVISOR
from listenwatch.model.history import Version
from listenwatch.model.kernels import NoEra, behaviour_for
from listenwatch.model.predict import AnyBehaviour
from listenwatch.prediction.parameters import version_of

_TCP_INFO_OF_LISTENERS = (2, 6, 24)
"""From this release on TCP_INFO has the queue and the limit of a listener (both numbers run in tests/data/oldkernels)."""
_O_PATH = (2, 6, 39)
"""Before, the flag was ignored, and the file opened."""
GVISOR_NAME = "gvisor"


class Stack(NamedTuple):
    """What answers are judged by.

    ``shows_numbers``: TCP_INFO has the queue and the limit of a listener, 0 in both says nothing otherwise.
    ``shows_unix``: SO_ACCEPTCONN says whether an AF_UNIX socket listens. ``path_is_file``: a descriptor opened with O_PATH
    counts as an open file. ``keeps_port``: a socket never loses the port that getsockname(2) gives.
    """

    name: str
    behaviour: AnyBehaviour
    shows_numbers: bool = True
    shows_unix: bool = True
    path_is_file: bool = False
    keeps_port: bool = False


def stack_of(text: str | None, header: Header) -> Stack:
    """By its name, such as ``6.1`` or ``gvisor``; None: the kernel that the answers name. UsageError for anything else."""
    if text == GVISOR_NAME:
        return Stack("gVisor", GVISOR, shows_numbers=False, shows_unix=False, path_is_file=True, keeps_port=True)
    try:
        if text is None:
            return _named(header)
        version = version_of(text)
        return _linux(text.removeprefix("v"), version, behaviour_for(version))
    except NoEra as error:
        raise UsageError(f"{error}: no model") from None


def _named(header: Header) -> Stack:
    if header.sysname != "Linux":
        raise UsageError(f"the answers are of {header.sysname}: say what to judge them as (--as)")
    try:
        version = parse_version(header.release, header.version)
    except ValueError:
        raise UsageError(f"the answers name no release of Linux ({header.release}): say which (--as)") from None
    kernel = Kernel(header.release, version, header.machine, {})
    return _linux(".".join(map(str, version)), version, behaviour_of_any(kernel))


def _linux(name: str, version: Version, behaviour: AnyBehaviour) -> Stack:
    return Stack(
        f"Linux {name}", behaviour, shows_numbers=version >= _TCP_INFO_OF_LISTENERS, path_is_file=version < _O_PATH
    )
