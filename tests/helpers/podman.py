"""A real container by Podman and runc: an image of busybox alone, made here, without a registry."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.watching import PATIENCE, needs

OPTIONS = ("--runtime", "runc", "--cgroup-manager=cgroupfs")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


def podman(*arguments: str, stdin: bytes = b"") -> str:
    """One command of podman; its output."""
    done = subprocess.run(
        [needs("podman"), *OPTIONS, *arguments], input=stdin, capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@contextmanager
def image() -> Iterator[str]:
    """The id of an image with busybox and its tools, removed again."""
    needs("runc")
    busybox = needs("busybox")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(Path(busybox).resolve(), "bin/busybox")
        for tool in ("sh", "httpd", "nc", "sleep"):
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    name = f"localhost/listenwatch-test-{os.getpid()}"
    podman("import", "-", name, stdin=data.getvalue())
    try:
        yield name
    finally:
        podman("rmi", "--force", name)


@contextmanager
def container(of: str, name: str, *command: str) -> Iterator[int]:
    """The first process of a container of that image, in a network namespace of its own; it ends with the test."""
    try:
        podman("run", "--detach", "--name", name, "--network=none", *LIMITS, of, *command)
        yield int(podman("inspect", "--format", "{{.State.Pid}}", name))
    finally:
        podman("rm", "--force", "--time=0", name)


