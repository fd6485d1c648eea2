"""What ``guest --list --json`` prints."""

from typing import Annotated, Literal, TypedDict

from listenwatch.call.keys import Release
from listenwatch.guests.kernels import KernelOffer


class OfferLine(TypedDict):
    """A kernel for a guest, of ``guest --list --json``."""

    schema: Literal["listenwatch/guest-kernel/1"]
    series: Annotated[Release, "what --kernel takes"]
    package: Annotated[str, "the Debian package"]
    package_version: Annotated[str, "of the package, such as 6.1.192-2"]
    suite: Annotated[str, "of Debian, that has it"]
    cached: Annotated[bool, "whether it is on this machine"]


def offer_line(offer: KernelOffer) -> OfferLine:
    """One kernel as one object."""
    return {
        "schema": "listenwatch/guest-kernel/1", "series": offer.series, "package": offer.package,
        "package_version": offer.version, "suite": offer.suite, "cached": offer.cached,
    }  # fmt: skip
