"""The name of a container and of its pod, from the files that its runtime keeps: no daemon is asked.

``/var/lib/docker/containers/ID/config.v2.json`` of Docker, ``containers.json`` of containers/storage (Podman and CRI-O,
a user's own Podman too), and the OCI bundle that containerd keeps while a container runs.
"""

import contextlib
import json
import os
import pwd
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from listenwatch.linux.cgroup_owner import Container, Owner, Pod

_LARGEST = 1 << 24  # bytes
_LONGEST = 255  # characters
_STORAGE = "containers/storage"
_OF_KUBERNETES = re.compile(r"k8s_(?P<name>[^_]+)_(?P<pod>[^_]+)_(?P<namespace>[^_]+)_.+")  # pkg/kubelet/dockershim/naming.go


def with_names(owner: Owner, root: Path = Path("/")) -> Owner:
    """The owner with the names that can be read of its container and pod; those that cannot stay empty."""
    container, pod = owner.container, owner.pod
    if container is None or container.name or not re.fullmatch("[0-9a-f]{64}", container.id):
        return owner
    for runtime, name, *of_pod in _candidates(container, owner.user, root):
        if match := _OF_KUBERNETES.fullmatch(name):
            name, *of_pod = match["name"], match["pod"], match["namespace"]
        pod = Pod(pod.id, *of_pod) if pod and any(of_pod) else pod
        return owner._replace(container=Container(runtime, container.id, name), pod=pod)
    return owner


def _candidates(container: Container, user: int | None, root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Runtime, name, name and namespace of the pod, by each runtime that it may be of and that knows its id."""
    runtime, ident = container.runtime, container.id
    if runtime in ("docker", ""):
        with _unless_missing():
            kept = _read(root / "var/lib/docker/containers" / ident / "config.v2.json")
            yield "docker", _name(kept["Name"]).lstrip("/"), "", ""
    if runtime in ("podman", "crio"):
        for file in _storage_files(user, root):
            with _unless_missing():
                names = _names_in(str(file), file.stat().st_mtime_ns)
                if ident in names:
                    yield runtime, _name(names[ident]), "", ""
    if runtime in ("containerd", ""):
        for bundle in (root / "run/containerd/io.containerd.runtime.v2.task").glob(f"*/{ident}/config.json"):
            with _unless_missing():
                notes = _read(bundle)["annotations"]
                name = notes.get("io.kubernetes.cri.container-name") or notes.get("nerdctl/name") or ""
                pod, namespace = (_name(notes.get(f"io.kubernetes.cri.sandbox-{key}", "")) for key in ("name", "namespace"))
                yield "containerd", _name(name), pod, namespace


def _storage_files(user: int | None, root: Path) -> Iterator[Path]:
    """The lists of containers of the machine, and of the user's own Podman; one for each storage driver."""
    folders = [root / "var/lib" / _STORAGE]
    if user is not None:
        with contextlib.suppress(KeyError):
            folders.append(root / pwd.getpwuid(user).pw_dir.lstrip("/") / ".local/share" / _STORAGE)
    for folder in folders:
        with contextlib.suppress(OSError):
            yield from sorted(folder.glob("*-containers/containers.json"))


@lru_cache(64)
def _names_in(file: str, _: int) -> dict[str, str]:
    """The first name of each container by id, of a list as it was at that time."""
    return {entry["id"]: entry["names"][0] for entry in _read(Path(file)) if entry.get("names")}


def _read(file: Path) -> Any:
    """The JSON in a plain file of no more than _LARGEST bytes: a user may have put anything there, a FIFO too."""
    opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(opened, "rb") as stream:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueError("not a plain file")
        return json.loads(stream.read(_LARGEST))


def _name(value: object) -> str:
    """A name that may have been put there by a user; TypeError if it is none."""
    if not isinstance(value, str):
        raise TypeError("not a name")
    return value[:_LONGEST]


def _unless_missing() -> contextlib.suppress:
    """Not there, not ours to read, cut, or of another form: then the name is not known."""
    return contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
