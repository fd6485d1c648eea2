"""Whose a call or a process is, in one word."""

from listenwatch.call.record import ListenCall
from listenwatch.linux.cgroup_owner import Owner
from listenwatch.linux.owner_filter import SHORT_ID
from listenwatch.linux.terminal import escape
from listenwatch.linux.text_width import shortened

_LONGEST = 64  # columns: names may have 255 characters


def owner_text(owner: Owner | ListenCall) -> str:
    """``podman:web``, ``containerd:pod/name``, ``docker:0123456789ab``, ``nginx.service``; empty: nobody's, or not known."""
    if owner.container is None:
        return shortened(escape(owner.unit or ""), _LONGEST)
    container, pod = owner.container, owner.pod
    name = container.name or container.id[:SHORT_ID]
    where = f"{pod.name}/" if pod and pod.name else ""
    return shortened(escape(f"{container.runtime or 'container'}:{where}{name}"), _LONGEST)


def with_owner(text: str, owner: str) -> str:
    """The text, and after it whose: ``full now [podman:web]``."""
    return f"{text} [{owner}]".lstrip() if owner else text
