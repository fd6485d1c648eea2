"""What `make dist` and `make image` build, for the tests that use it as it is published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.release import image
from deploy.release.__main__ import build
from deploy.release.source import epoch
from tests.helpers.podman import podman
from tests.helpers.roots import image_base
from tests.helpers.watching import needs


class Dist:
    """The files that are published."""

    def __init__(self, folder: Path) -> None:
        work = folder / "work"
        work.mkdir()
        self.wheel, self.pyz, self.deb = build(folder / "dist", work, epoch())


@contextmanager
def imported_image(deb: Path, folder: Path) -> Iterator[str]:
    """The name of the container image, which podman has meanwhile."""
    needs("runc")
    tar = folder / "image.tar"
    image.build(image_base(), deb, tar)
    name = f"localhost/listenwatch-shipped-{os.getpid()}"
    podman("import", "--change", 'ENTRYPOINT ["/usr/bin/listenwatch"]', str(tar), name)
    try:
        yield name
    finally:
        podman("rmi", "--force", name)
