"""Run one command in one guest: the host's root read-only, the working directory shared.

virtme-ng builds the initramfs and QEMU's command line. What the guest prints comes through pipes
of ours, so it can go on to files, sockets or terminals alike, the kernel's console apart from the
command's stderr. One more pipe, read with ``select``, says when the command starts and ends.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from listenwatch.errors import GuestError
from listenwatch.guests.accel import Accel, qemu, use_kvm
from listenwatch.guests.apt import Progress, tool
from listenwatch.guests.kernels import GuestKernel, cache_directory
from listenwatch.guests.process import GuestProcess
from listenwatch.guests.script import (
    HIDDEN,
    OVERLAYS,
    STATUS_PORT,
    STDERR_PORT,
    guest_script,
    shareable,
)

#: Seconds until the command must have started. Emulation needs 7 on an idle machine.
BOOT_SECONDS = 240.0
#: Seconds for a guest to power off once its command has ended.
POWER_OFF_SECONDS = 30.0
CONSOLE_LINES = 20


@dataclass(slots=True)
class Outcome:
    """What the guest said on the status port; ``status`` stays None if it was lost."""

    started: bool = False
    status: int | None = None
    out_of_time: bool = False


def run(
    kernel: GuestKernel,
    command: Sequence[str],
    *,
    accel: Accel = "auto",
    memory_mib: int = 2048,
    cpus: int = 2,
    timeout: float | None = None,
    cwd: Path | None = None,
    append: Sequence[str] = (),
    headers: Path | None = None,
    progress: Progress,
) -> int:
    """Run ``command`` as root in a guest and return its exit status, 128 + N for signal N.

    ``timeout`` counts seconds from the start of the command. ``append`` adds to the kernel's
    command line. ``headers`` (``fetch_headers``) are put where compilers in the guest look for
    them. Standard input is passed on unless it is a terminal, which a guest cannot
    use. Raises GuestError when the guest hangs, panics or is lost; on any way out of here,
    SIGINT and SIGTERM included, the guest is ended.
    """
    check_tools()
    base, cwd = cache_directory(), shareable(cwd or Path.cwd())
    if any(base.is_relative_to(hidden) for hidden in HIDDEN):
        raise GuestError(f"the guest cannot see {base}: set XDG_CACHE_HOME to another directory")
    with catch_signals(), tempfile.TemporaryDirectory(prefix="guest-", dir=base) as name:
        kvm = use_kvm(accel, kernel.image, progress)
        progress(f"booting Linux {kernel.version} with {'KVM' if kvm else 'emulation'}")
        work = Path(name)
        _write_files(work, guest_script(command, cwd, os.environ, headers))
        (status_in, status_out), (stderr_in, stderr_out) = os.pipe(), os.pipe()
        with os.fdopen(status_in, "rb", buffering=0) as port:
            try:
                line = vng_command(
                    kernel, work, cwd, status=status_out, stderr=stderr_out, kvm=kvm,
                    memory_mib=memory_mib, cpus=cpus, append=append,
                )  # fmt: skip
                process = GuestProcess(line, work, (status_out, stderr_out), stderr_in)
            finally:
                os.close(status_out)
                os.close(stderr_out)
            with contextlib.closing(process):
                outcome = watch(port, timeout)
        if process.reader_gone:
            return 128 + signal.SIGPIPE
        if outcome.status is None:
            raise GuestError(explain(outcome, timeout, list(process.console)))
        return outcome.status


def check_tools() -> None:
    """Say what to install before booting rather than after."""
    if importlib.util.find_spec("virtme") is None:
        raise GuestError("virtme-ng is missing: run 'pip install virtme-ng'")
    qemu()
    for name, package in (("modprobe", "kmod"), ("file", "file"), ("busybox", "busybox-static")):
        tool(name, package)


def _write_files(work: Path, script: str) -> None:
    (work / "run").write_text(script)
    (work / "bin").mkdir()
    # virtme-ng's init runs these at every boot. Under emulation that takes two seconds and eight,
    # to set up services and devices that a guest does not have.
    for name in ("systemd-tmpfiles", "udevadm"):
        stand_in = work / "bin" / name
        stand_in.write_text("#!/bin/sh\n")
        stand_in.chmod(0o755)


def vng_command(
    kernel: GuestKernel, work: Path, cwd: Path, *, status: int, stderr: int,
    kvm: bool, memory_mib: int, cpus: int, append: Sequence[str],
) -> list[str]:  # fmt: skip
    """The command line of virtme-run, the part of virtme-ng that starts guests.

    ``vng`` itself would put these arguments through a shell unquoted. ``status`` and ``stderr``
    are descriptors that QEMU inherits, one for each port.
    """
    qemu_options = [
        "-chardev", f"file,id=lwstatus,path=/proc/self/fd/{status}",
        "-device", f"virtserialport,name={STATUS_PORT},chardev=lwstatus",
        "-chardev", f"file,id=lwstderr,path=/proc/self/fd/{stderr}",
        "-device", f"virtserialport,name={STDERR_PORT},chardev=lwstderr",
    ]  # fmt: skip
    # PATH becomes the environment of init, where the stand-ins have to be found first.
    path = f"PATH={work}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    # Linux has one 8250 console, so the console stays on the line virtme-ng gives it.
    # Waiting for grace periods and the mitigations' page table switches would be a fifth of the time.
    kernel_options = ["loglevel=6", path, "rcupdate.rcu_expedited=1", "mitigations=off", *append]
    return [
        sys.executable, "-P", "-m", "virtme.commands.run",
        "--kimg", str(kernel.image), "--mods=auto", "--force-9p", "--disable-microvm",
        *([] if kvm else ["--disable-kvm"]), "--show-boot-console",
        f"--memory={memory_mib}M", f"--cpus={cpus}", "--name=listenwatch",
        *(f"--overlay-rwdir={path}" for path in OVERLAYS if Path(path).is_dir()),
        *([] if cwd == Path("/") else [f"--rwdir={cwd}"]),
        *(f"--kopt={option}" for option in kernel_options),
        *(f"--qemu-opt={option}" for option in qemu_options),
        f"--script-sh=exec bash '{work}/run'",
    ]  # fmt: skip


def watch(port: IO[bytes], timeout: float | None, boot_seconds: float = BOOT_SECONDS) -> Outcome:
    """Follow the status port until the guest is gone or has used up its time."""
    outcome, text = Outcome(), b""
    end: float | None = time.monotonic() + boot_seconds
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([port], [], [], left)[0]:
            outcome.out_of_time = True
            return outcome
        data = port.read(4096)
        if not data:
            return outcome
        text += data
        if not outcome.started and b"started\n" in text:
            outcome.started = True
            end = None if timeout is None else time.monotonic() + timeout
        if b"exit " in text and text.endswith(b"\n"):
            outcome.status, end = int(text.split()[-1]), time.monotonic() + POWER_OFF_SECONDS


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
