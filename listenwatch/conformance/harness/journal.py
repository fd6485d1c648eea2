"""What a scenario's process reports to the process that judges it: lines of JSON through a pipe."""

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from listenwatch.model.inputs import EntryPath, Environment, Knowledge


class Reading(NamedTuple):
    """What a second witness, not the probe, says of a socket after listen() returned 0.

    ``state`` is sk_state; the numbers are None where that witness shows none. Sources: sock_diag(7)
    (idiag_wqueue and idiag_rqueue, or UNIX_DIAG_RQLEN), TCP_INFO (tcpi_sacked, tcpi_unacked) and
    /proc/net (tcp, tcp6 or unix), where ``proc_listens`` is None if nobody looked.
    """

    state: int | None
    diag_max_ack_backlog: int | None = None
    diag_ack_backlog: int | None = None
    info_max_ack_backlog: int | None = None
    info_ack_backlog: int | None = None
    proc_listens: bool | None = None
    proc_ack_backlog: int | None = None


class Measurement(NamedTuple):
    """What some traffic did to a listener: its queues and the sysctls beforehand, and what was seen.

    ``load`` is the number of packets, connections or calls, ``cookie`` whether they answer cookies,
    ``proven`` whether they come from a peer seen before. ``counters`` holds those that moved, and is
    None where others may have moved them too.
    """

    what: str
    load: int
    environment: Environment
    accept_queue: int
    syn_queue: int
    seen: dict[str, int | str]
    counters: dict[str, int] | None = None
    cookie: bool = False
    proven: bool = False


class Issued(NamedTuple):
    """One listen() as the scenario made it: the thread, the arguments, and the errno libc saw (0: none).

    ``backlog`` is None where the kernel chose it. ``port_free`` and ``refusal`` are the scenario's
    knowledge of the other sockets there are (see Knowledge), never an expected result.
    ``measured`` is what came of the traffic between this call and the next one on the descriptor.
    """

    tid: int
    fd: int
    backlog: int | None
    error: int
    entry_path: int = EntryPath.SYSCALL
    port_free: bool | None = True
    refusal: int | None = None
    reading: Reading | None = None
    measured: tuple[Measurement, ...] = ()

    @property
    def knowledge(self) -> Knowledge:
        """What the model is given besides the record."""
        return Knowledge(self.refusal, self.port_free)


class Report(NamedTuple):
    """All a scenario's process said. ``ended`` is False for one that never came to its end."""

    issued: tuple[Issued, ...] = ()
    error: str = ""
    skip: str = ""
    ended: bool = False


class Journal:
    """The writing end; each line is one write, so that lines of several processes do not mix."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def issued(self, call: Issued) -> None:
        """Report one call."""
        self._write({"issued": call})

    def measured(self, fd: int, measurement: Measurement) -> None:
        """Report what the listener behind ``fd`` did, as its latest listen() made it."""
        self._write({"measured": [fd, measurement]})

    def error(self, traceback: str) -> None:
        """Report that the scenario itself failed."""
        self._write({"error": traceback[-3000:]})

    def end(self, skip: str = "") -> None:
        """Report that the scenario came to its end, or why a need is not met."""
        self._write({"skip": skip} if skip else {"end": True})

    def _write(self, message: dict[str, Any]) -> None:
        os.write(self._fd, json.dumps(message).encode() + b"\n")


def read_report(lines: Iterable[bytes]) -> Report:
    """The report in these lines. A cut last line, of a process that was killed, ends it."""
    issued: list[Issued] = []
    fields: dict[str, Any] = {}
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            break
        if "issued" in message:
            call = Issued(*message["issued"])
            reading = call.reading and Reading(*call.reading)
            issued.append(call._replace(reading=reading, measured=()))
        elif "measured" in message:
            _add(issued, *message["measured"])
        else:
            fields.update(message)
    return Report(tuple(issued), fields.get("error", ""), fields.get("skip", ""), "end" in fields)


def _add(issued: list[Issued], fd: int, fields: list[Any]) -> None:
    """Put a measurement to the latest call on its descriptor."""
    measurement = Measurement(*fields)
    measurement = measurement._replace(environment=Environment(*measurement.environment))
    place = max(place for place, call in enumerate(issued) if call.fd == fd)
    before = issued[place].measured
    issued[place] = issued[place]._replace(measured=(*before, measurement))
