"""Whose a cgroup is, by its path alone: a systemd unit, a container, a pod. Nothing is asked of the machine.

Paths as their makers build them: systemd (src/basic/cgroup-util.c), runc and crun for Docker, Podman, containerd and
CRI-O with the cgroupfs and the systemd driver, the kubelet (pkg/kubelet/cm), LXC (src/lxc/cgroups), systemd-machined.
"""

import re
from typing import NamedTuple


class Container(NamedTuple):
    """A container: ``runtime`` is docker, podman, containerd, crio, lxc, machine (systemd-machined's), or empty: not known.

    ``id`` has 64 hexadecimal digits; LXC and machines have a name for it. ``name`` is empty where it is not known.
    """

    runtime: str
    id: str
    name: str = ""


class Pod(NamedTuple):
    """A pod: ``id`` is Kubernetes' UID, or the id of one of Podman's; name and Kubernetes' namespace are empty where not known."""

    id: str
    name: str = ""
    namespace: str = ""


class Owner(NamedTuple):
    """Whose a process is; None: nothing says so.

    ``unit`` is as systemctl writes it; in a container that runs systemd it is the unit inside. The container's own scope
    is no unit. ``user`` is the user whose session or manager it belongs to.
    """

    unit: str | None = None
    container: Container | None = None
    pod: Pod | None = None
    user: int | None = None


NOBODY = Owner()

_ID = r"(?P<id>[0-9a-f]{64})"
_UID = r"(?P<uid>[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})"
# Compiled where a path is first looked at: that takes 2 ms, and many a watch sees no call.
_CONTAINERS = (
    ("docker", rf"docker-{_ID}\.scope"),
    ("podman", rf"libpod-(?:payload-)?{_ID}(?:\.scope)?"),
    ("containerd", rf"(?:.*:)?cri-containerd[-:]{_ID}(?:\.scope)?"),
    ("containerd", rf"nerdctl-{_ID}\.scope"),
    ("crio", rf"(?:.*:)?crio[-:]{_ID}(?:\.scope)?"),
    ("lxc", r"lxc\.payload\.(?P<id>.+)"),
    ("machine", r"machine-(?P<id>.+)\.scope"),
    ("machine", r"systemd-nspawn@(?P<id>.+)\.service"),
)  # fmt: skip
_PODS = (
    rf"(?:[\w-]*kubepods[\w-]*-)?pod{_UID}(?:\.slice)?(?::.*)?",
    r"(?:[\w-]+-)?libpod_pod_(?P<uid>[0-9a-f]{64})\.slice",
)
_UNIT = r"(?a)[\w:.\\@-]{1,240}\.(?:service|scope|socket|mount|swap)"
_USER = r"(?a)user[@-](\d{1,10})\.(?:service|slice)"
_ESCAPED = r"\\x([0-9a-f]{2})"
_PODMAN_PARENT = "libpod_parent"


def owner_of_path(path: str) -> Owner:
    """The owner of a cgroup, its path as /proc/PID/cgroup has it. Of nested containers it is the innermost."""
    path = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    parts = [part.removeprefix("_") for part in path.removesuffix(" (deleted)").split("/")]
    owner, is_settled = NOBODY, False
    for parent, part in zip(["", *parts], parts, strict=False):
        if pod := _pod(parent, part):
            owner = owner._replace(pod=pod)
        if container := _container(parent, part):
            owner, is_settled = owner._replace(container=container), False
        if user := re.fullmatch(_USER, part):
            owner = owner._replace(user=int(user[1]))
        is_own_scope = container and part.endswith(".scope")
        if not is_settled and not is_own_scope and re.fullmatch(_UNIT, part):
            # within the manager of a user, or of a container, its own units come next
            owner, is_settled = owner._replace(unit=part), not (user or container)
    return owner


def owner_of_file(text: str) -> Owner:
    """The owner a /proc/PID/cgroup names: by the first hierarchy with a container, else with a unit (v1, v2, hybrid)."""
    lines = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    lines.sort(key=lambda line: line[1] not in ("", "name=systemd"))
    owners = [owner_of_path(path) for _, _, path in lines]
    contained = (owner for owner in owners if owner.container)
    return next(contained, None) or next((owner for owner in owners if owner.unit), NOBODY)


def unified_path(text: str) -> str | None:
    """The path in the cgroup v2 hierarchy, of a /proc/PID/cgroup; None where there is none."""
    paths = (line.removeprefix("0::") for line in text.splitlines() if line.startswith("0::"))
    return next(paths, None)


def _container(parent: str, part: str) -> Container | None:
    for runtime, pattern in _CONTAINERS:
        if match := re.fullmatch(pattern, part):
            return Container(runtime, _unescaped(match["id"]) if runtime == "machine" else match["id"])
    if parent == "lxc" and part:
        return Container("lxc", part)
    if re.fullmatch(_ID, part) and parent != _PODMAN_PARENT:
        return Container("docker" if parent == "docker" else "", part)
    return None


def _pod(parent: str, part: str) -> Pod | None:
    if parent == _PODMAN_PARENT and re.fullmatch(_ID, part):
        return Pod(part)
    match = next(filter(None, (re.fullmatch(pattern, part) for pattern in _PODS)), None)
    return Pod(match["uid"].replace("_", "-")) if match else None


def _unescaped(name: str) -> str:
    """A part of a unit's name as it was before systemd-escape(1)."""
    return re.sub(_ESCAPED, lambda match: chr(int(match[1], 16)), name)
