"""What the tests on this kernel share: an attached engine, a program that makes many calls, and what is published."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.bpf.engine import Engine
from listenwatch.features.attach import open_engine
from tests.helpers.dist import Dist, imported_image
from tests.helpers.watching import needs, needs_kernel


@pytest.fixture(scope="session")
def storm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """tests/kernel/storm.c, compiled."""
    needs_kernel()
    program = str(tmp_path_factory.mktemp("storm") / "storm")
    source = Path(__file__).with_name("storm.c")
    subprocess.run(
        [needs("gcc"), "-O2", "-Wall", "-Werror", "-pthread", "-o", program, source], check=True
    )
    return program


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine whose probes are known to fire."""
    needs_kernel()
    with open_engine() as attached:
        attached.sync()
        yield attached


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    """The published files, built once for all tests."""
    needs_kernel()
    return Dist(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def shipped_image(dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the image that `make image` makes, which is removed again."""
    with imported_image(dist.deb, tmp_path_factory.mktemp("image")) as name:
        yield name
