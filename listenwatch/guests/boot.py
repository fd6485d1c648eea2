"""Run one command in one guest: the host's root read-only, the working directory shared.

``machine`` has QEMU's command line, ``image`` and ``initramfs`` what it starts, ``mounts`` what the guest sees of
this machine, ``script`` what it runs. What the guest prints comes through pipes
of ours, so it can go on to files, sockets or terminals alike, the kernel's console apart from the
command's stderr. One more pipe, read with ``select``, says when the command starts and ends.
"""

import compileall
import contextlib
import importlib.util
import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from listenwatch.errors import GuestError
from listenwatch.guests import architectures, initramfs, machine, mounts, script
from listenwatch.guests.accel import Accel, use_kvm
from listenwatch.guests.apt import Progress, tool
from listenwatch.guests.architectures import Architecture
from listenwatch.guests.booting import Booting, shown_on
from listenwatch.guests.cache import cache_directory
from listenwatch.guests.folders import own_folder
from listenwatch.guests.image import unpacked
from listenwatch.guests.kernels import GuestKernel
from listenwatch.guests.process import GuestProcess
from listenwatch.guests.userland import Userland

#: Seconds until the command must have started. Emulation needs 5 on an idle machine.
BOOT_SECONDS = 240.0
CONSOLE_LINES = 20
TICK_SECONDS, LONG_SECONDS = 1.0, 3600.0  # how long to wait at once: while it boots, and then


@dataclass(slots=True)
class Outcome:
    """What the guest reported on the status port; ``status`` stays None if the guest was lost."""

    started: bool = False
    status: int | None = None
    out_of_time: bool = False


def run(
    kernel: GuestKernel, command: Sequence[str], *, accel: Accel = "auto", memory_mib: int = 2048, cpus: int = 2,
    timeout: float | None = None, cwd: Path | None = None, append: Sequence[str] = (),
    headers: Path | None = None, userland: Userland | None = None, progress: Progress,
) -> int:  # fmt: skip
    """Run ``command`` as root in a guest and return its exit status, 128 + N for signal N.

    ``timeout`` counts seconds from the start of the command. ``append`` adds to the kernel's
    command line. ``headers`` (``fetch_headers``) are put where compilers in the guest look for
    them. ``userland`` (``fetch_userland``) has the programs for a kernel of another architecture.
    Standard input is passed on unless it is a terminal, which a guest cannot
    use. Raises GuestError when the guest hangs, panics or is lost; on any way out of here,
    SIGINT and SIGTERM included, the guest is ended.
    """
    check_tools(kernel.architecture)
    base, cwd = cache_directory(), (cwd or Path.cwd()).resolve()
    if userland is None and any(base.is_relative_to(hidden) for hidden in mounts.HIDDEN):
        raise GuestError(f"the guest cannot see {base}: set XDG_CACHE_HOME to another directory")
    with catch_signals(), own_folder() as name:
        kvm = use_kvm(accel, kernel, progress)
        progress(f"booting Linux {kernel.version} with {'KVM' if kvm else 'emulation'}")
        work, shape = Path(name), machine.machine(kernel.architecture, kvm)
        text = script.guest_script(command, cwd, {**os.environ, **shown_on()}, kernel, headers)
        tables = mounts.setup(cwd, userland, programs=mounts.own_programs(), needed=[kernel.directory, *([headers] if headers else [])])
        busybox = userland.busybox if userland else Path(tool("busybox", "busybox-static"))
        base_archive = initramfs.base(kernel, machine.transport(shape), busybox).read_bytes()
        (work / "initramfs").write_bytes(base_archive + initramfs.archive({"script": os.fsencode(text), **tables}))
        image = kernel.image if kvm else unpacked(kernel.image)
        (status_in, status_out), (stderr_in, stderr_out) = os.pipe(), os.pipe()
        with os.fdopen(status_in, "rb", buffering=0) as port:
            try:
                line = machine.command_line(shape, image, work / "initramfs", mounts.shares(cwd, userland), status=status_out,
                                            stderr=stderr_out, memory_mib=memory_mib, cpus=cpus, append=append)  # fmt: skip
                process = GuestProcess(line, (status_out, stderr_out), stderr_in)
            finally:
                os.close(status_out)
                os.close(stderr_out)
            with contextlib.closing(process), Booting(progress) as booting:
                compile_package()  # while it boots
                outcome = watch(port, timeout, booting=booting)
        if process.reader_gone:
            return 128 + signal.SIGPIPE
        if outcome.status is None:
            raise GuestError(explain(outcome, timeout, list(process.console)))
        return outcome.status


def check_tools(architecture: Architecture | None = None) -> None:
    """Say what to install before booting rather than after."""
    architecture = architecture or architectures.own()
    if importlib.util.find_spec("virtme") is None:
        raise GuestError("virtme-ng is missing: run 'pip install virtme-ng'")
    architecture.emulator()
    tool("modprobe", "kmod")
    if architecture.is_own:
        tool("busybox", "busybox-static")


def compile_package() -> None:
    """Have Python's compiled files of this package at hand. The guest cannot write there, and compiling takes it long.

    PYTHONDONTWRITEBYTECODE makes no difference, as it makes none to what pip compiles.
    """
    compileall.compile_dir(Path(__file__).parents[1], quiet=2)


def watch(
    port: IO[bytes], timeout: float | None, boot_seconds: float = BOOT_SECONDS,
    booting: Callable[..., None] = lambda **_: None,
) -> Outcome:  # fmt: skip
    """Follow the status port until the guest is gone or has used up its time.

    ``booting`` is called with ``started=False`` about every TICK_SECONDS, and with True once the command has started.
    """
    outcome, text = Outcome(), b""
    end = time.monotonic() + boot_seconds
    while True:
        tick = LONG_SECONDS if outcome.started else TICK_SECONDS
        if not select.select([port], [], [], max(0.0, min(tick, end - time.monotonic())))[0]:
            if time.monotonic() >= end:
                outcome.out_of_time = True
                return outcome
            if not outcome.started:
                booting(started=False)
            continue
        data = port.read(4096)
        if not data:
            return outcome
        text += data
        if not outcome.started and b"started\n" in text:
            outcome.started = True
            booting(started=True)
            end = math.inf if timeout is None else time.monotonic() + timeout
        if b"exit " in text and text.endswith(b"\n"):
            # Its output and files have arrived: it need not power off in peace.
            outcome.status = int(text.split()[-1])
            return outcome


def explain(outcome: Outcome, timeout: float | None, console: Sequence[str]) -> str:
    """Why there is no exit status, and the end of the guest's console."""
    if outcome.started and outcome.out_of_time:
        what = f"the command did not end within {timeout or 0:g} s: give it more time"
    elif outcome.started:
        what = "the guest was lost while its command ran"
    elif outcome.out_of_time:
        what = f"the guest did not boot within {BOOT_SECONDS:g} s: try --accel tcg"
    else:
        what = "the guest ended before its command could start"
    panic = next((line for line in console if "Kernel panic" in line), "")
    reason = f" ({panic.partition('] ')[2] or panic})" if panic else ""
    tail = console[-CONSOLE_LINES:] or ["(nothing printed)"]
    return "\n  ".join([f"{what}{reason}; its console ended:", *tail])


@contextlib.contextmanager
def catch_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that they end the guest as Ctrl-C does."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, leave) for n in numbers if signal.getsignal(n) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
