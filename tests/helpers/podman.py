"""A real container by Podman and runc: an image of busybox alone, made here, without a registry."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.helpers.watching import PATIENCE, needs

OPTIONS = ("--runtime", "runc", "--cgroup-manager=cgroupfs")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
WITH_TRACEFS = ("unshare", "--mount", "sh", "-c", "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec \"$@\"", "sh")
"""Before a command: it has tracefs, as on a machine that systemd started; there it is mounted, and not mounted again."""


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
    podman("import", "--change", 'CMD ["/bin/sleep", "2147483647"]', "-", name, stdin=data.getvalue())
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


# Podman reads these from a file where it plays a pod. Its 4.3 does not read hostPID, hence pidns.
_SETTINGS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pidns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
infra_image = "{pause}"
"""


@contextmanager
def pod(manifest: dict[str, Any], pause: str, folder: Path) -> Iterator[int]:
    """The first process of the only container of a pod that ``podman kube play`` makes of its manifest, without a network.

    ``pause`` is the image that keeps its namespaces. The pod ends with the test.
    """
    name, (container,) = manifest["metadata"]["name"], manifest["spec"]["containers"]
    (folder / "pod.json").write_text(json.dumps(manifest))
    (folder / "containers.conf").write_text(_SETTINGS.format(pause=pause))
    play = [*WITH_TRACEFS, needs("podman"), "kube", "play", "--network=none", str(folder / "pod.json")]
    try:
        done = subprocess.run(
            play, env=os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf")}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield int(podman("inspect", "--format", "{{.State.Pid}}", f"{name}-{container['name']}"))
    finally:
        podman("pod", "rm", "--force", "--ignore", "--time=0", name)
