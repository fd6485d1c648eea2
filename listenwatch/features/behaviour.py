"""Which Behaviour a kernel has: by what it names and by its release, never by a listen()."""

from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.model.kernels import NoEra, behaviour_for, vendor_behaviour


class Decision(NamedTuple):
    """The value of one field, None where it is not known, and what decided it."""

    value: object
    how: str


def behaviour_of(kernel: Kernel) -> Behaviour:
    """The Behaviour of a kernel a probe runs on, from 5.10 on."""
    kernel.check_watched()
    return behaviour_of_any(kernel)


def behaviour_of_any(kernel: Kernel) -> Behaviour:
    """The same from 2.6.12 on, else ``NoEra``: by names, else release; a vendor's says only what it began with."""
    shown = {field: history.shown(kernel.has) for field, history in FIELDS.items()}
    values = {field: value_and_name[0] for field, value_and_name in shown.items() if value_and_name}
    return (vendor_behaviour if kernel.vendor else behaviour_for)(kernel.version).replace(**values)


def behaviour_of_recorded(kernel: Kernel) -> Behaviour:
    """The Behaviour of a kernel in a recording, which may be older than what the probe watches (tests/vectors/before-5.10)."""
    try:
        return behaviour_of_any(kernel)
    except NoEra as error:
        raise ObserveError(f"{error}, the oldest kernel that the model describes") from None


def by_release(kernel: Kernel) -> Behaviour:
    """What the release number alone says, of a vendor's kernel too: nobody would know what it took since."""
    return behaviour_for(kernel.version)


def decisions(kernel: Kernel, source: str) -> dict[str, Decision]:
    """Each field of a kernel's Behaviour, and what decided it; ``source`` is where its names were read."""
    release = f"release {'.'.join(map(str, kernel.version))}"
    decided = {}
    for field, value in behaviour_of(kernel).values().items():
        shown = FIELDS[field].shown(kernel.has)
        if shown:
            how = f"{source} {'names' if kernel.has[shown[1]] else 'does not name'} {shown[1]}"
        elif value is not None:
            how = release
        elif kernel.vendor:
            how = f"kernel of {kernel.vendor}, began as {release}: not known what it took"
        else:
            how = f"{release}: not among the trees that were read"
        decided[field] = Decision(value, how)
    return decided
