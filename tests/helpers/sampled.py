"""Samples of listeners as the screen and the samples in a pipe get them."""

from __future__ import annotations

from pathlib import Path

from listenwatch.linux.netns import Namespace
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.model.kernels import behaviour_for
from listenwatch.sockets.advice import advise
from listenwatch.sockets.diagnosis import diagnose
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.look import DiagnosedListener
from listenwatch.sockets.sampling import Sample, SampledListener

VERSION = (6, 18, 0)
OWN = Namespace(4026531840, Path("/proc/thread-self/ns/net"))


def listener(port: int, queue: int = 0, limit: int = 4, drops: int | None = 0, name: str = "server") -> DiagnosedListener:
    """One on 127.0.0.1 in this namespace; process and cookie have the number of its port."""
    bare = Listener("tcp", 2, "127.0.0.1", port, 0, queue, limit, port, port, 0, drops)
    row = ListenerRow(bare, OWN, 4096, (Process(port, 1.0, name, name, port),), 1)
    diagnosis = diagnose(row, behaviour_for(VERSION))
    return DiagnosedListener(row, diagnosis, None, advise(row, diagnosis, VERSION, None))


def sample(*listeners: tuple[DiagnosedListener, float | None], unseen: tuple[str, ...] = ()) -> Sample:
    """Of these and what each refuses a second."""
    sampled = [SampledListener(shown, refused) for shown, refused in listeners]
    return Sample(1_795_909_205 * 10**9, sampled, len(sampled), list(unseen))
