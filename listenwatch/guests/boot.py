"""Run one command in one guest: the host's root read-only, the working directory shared.

virtme-ng builds the initramfs and QEMU's command line. Its output ports are pipes of ours, so
that output can go to files, sockets or terminals alike, and one more port, read by ``select``,
says when the command starts and how it ended.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from listenwatch.guests.accel import Accel, qemu, use_kvm
from listenwatch.guests.apt import GuestError, Progress, tool
from listenwatch.guests.kernels import GuestKernel, cache_directory
from listenwatch.guests.script import HIDDEN, OVERLAYS, STATUS_PORT, guest_script, shareable

#: Seconds until the command must have started. Emulation needs 8 on an idle machine.
BOOT_SECONDS = 240.0
CONSOLE_LINES = 20


@dataclass(slots=True)
class Outcome:
    """What the guest said on the status port; ``status`` stays None if it was lost."""

    started: bool = False
    status: int | None = None


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
    progress: Progress,
) -> int:
    """Run ``command`` as root in a guest and return its exit status, 128 + N for signal N.

    ``timeout`` counts seconds from the start of the command. ``append`` adds to the kernel's
    command line. Standard input is passed on unless it is a terminal, which the guest cannot
    use. Raises GuestError when the guest hangs, panics or is lost; on any way out of here,
    SIGINT and SIGTERM included, the guest is ended.
    """
    check_tools()
    cwd = shareable(cwd or Path.cwd())
    kvm = use_kvm(accel, kernel.image, progress)
    progress(f"booting Linux {kernel.version} with {'KVM' if kvm else 'emulation'}")
    base = cache_directory()
    if any(base.is_relative_to(hidden) for hidden in HIDDEN):
        raise GuestError(f"the guest cannot see {base}: set XDG_CACHE_HOME to another directory")
    with tempfile.TemporaryDirectory(prefix="guest-", dir=base) as name, _catch_signals():
        work = Path(name)
        (work / "run").write_text(guest_script(command, cwd, os.environ))
        reader, writer = os.pipe()
        try:
            line = vng_command(kernel, work, cwd, writer, kvm=kvm, memory_mib=memory_mib,
                               cpus=cpus, append=append)  # fmt: skip
            guest = _Guest(line, work, writer)
        finally:
            os.close(writer)
        with contextlib.closing(guest), os.fdopen(reader, "rb", buffering=0) as port:
            outcome = watch(port, timeout)
        return _result(outcome, guest, work / "console", timeout)


def check_tools() -> None:
    """Say what to install before booting rather than after."""
    if importlib.util.find_spec("virtme") is None:
        raise GuestError("virtme-ng is missing: run 'pip install virtme-ng'")
    qemu()
    for name, package in (("modprobe", "kmod"), ("file", "file"), ("busybox", "busybox-static")):
        tool(name, package)


def vng_command(
    kernel: GuestKernel, work: Path, cwd: Path, status: int,
    *, kvm: bool, memory_mib: int, cpus: int, append: Sequence[str],
) -> list[str]:  # fmt: skip
    """The command line of virtme-run, the part of virtme-ng that starts guests.

    ``vng`` itself would put these arguments through a shell unquoted.
    """
    qemu_options = [
        "-chardev", f"file,id=lw,path=/proc/self/fd/{status}",
        "-device", f"virtserialport,name={STATUS_PORT},chardev=lw",
        "-serial", f"file:{work}/console",
    ]  # fmt: skip
    # The console goes to a second serial line, as virtme-ng mixes the first with stderr.
    kernel_options = ["console=ttyS1", "loglevel=6", *append]
    share = [] if cwd == Path("/") else [f"--rwdir={cwd}"]
    return [
        sys.executable, "-P", "-m", "virtme.commands.run",
        "--kimg", str(kernel.image), "--mods=auto", "--force-9p", "--disable-microvm",
        *([] if kvm else ["--disable-kvm"]),
        f"--memory={memory_mib}M", f"--cpus={cpus}", "--name=listenwatch",
        *(f"--overlay-rwdir={path}" for path in OVERLAYS if Path(path).is_dir()), *share,
        *(f"--kopt={option}" for option in kernel_options),
        *(f"--qemu-opt={option}" for option in qemu_options),
        f"--script-sh=exec bash '{work}/run'",
    ]  # fmt: skip


class _Guest:
    """A running virtme-run with its QEMU: one process group, and threads that copy its pipes."""

    def __init__(self, line: list[str], work: Path, status: int) -> None:
        stdin = sys.stdin
        passed_on = stdin is not None and not stdin.closed and not stdin.isatty()
        self.reader_gone = False
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE if passed_on else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[status], bufsize=0,
            start_new_session=True, env={**os.environ, "TMPDIR": str(work)},
        )  # fmt: skip
        self._copies = [
            threading.Thread(target=self._copy, args=pair, daemon=True)
            for pair in ((self.process.stdout, sys.stdout), (self.process.stderr, sys.stderr))
        ]
        for thread in self._copies:
            thread.start()
        if passed_on:
            threading.Thread(target=self._feed, args=(stdin.fileno(),), daemon=True).start()

    def _copy(self, source: IO[bytes], sink: IO[str]) -> None:
        """Pass output on as it comes. A reader that has gone away ends the guest."""
        while data := source.read(65536):
            try:
                sink.buffer.write(data)  # type: ignore[attr-defined]
                sink.flush()
            except BrokenPipeError:
                self.reader_gone = True
                self._kill(signal.SIGTERM)
                return

    def _feed(self, source: int) -> None:
        to = self.process.stdin
        assert to is not None
        with contextlib.suppress(OSError), to:
            while data := os.read(source, 65536):
                to.write(data)

    def _kill(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """End what still runs, and pass on what it printed."""
        if self.process.poll() is None:
            self._kill(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self._kill(signal.SIGKILL)
        self.process.wait()
        for thread in self._copies:
            thread.join(5)


def watch(port: IO[bytes], timeout: float | None, boot_seconds: float = BOOT_SECONDS) -> Outcome:
    """Follow the status port until the guest is gone or has used up its time."""
    outcome, text = Outcome(), b""
    end: float | None = time.monotonic() + boot_seconds
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([port], [], [], left)[0]:
            return outcome
        data = port.read(4096)
        text += data or b""
        if not outcome.started and b"started\n" in text:
            outcome.started = True
            end = None if timeout is None else time.monotonic() + timeout
        if b"exit " in text and text.endswith(b"\n"):
            outcome.status, end = int(text.split()[-1]), time.monotonic() + 30.0
        if not data:
            return outcome


def _result(outcome: Outcome, guest: _Guest, console: Path, timeout: float | None) -> int:
    if guest.reader_gone:
        return 128 + signal.SIGPIPE
    if outcome.status is not None:
        return outcome.status
    ended_itself = guest.process.returncode >= 0
    if not outcome.started:
        what = ("the guest ended before its command could start" if ended_itself else
                f"the guest did not boot within {BOOT_SECONDS:g} s")  # fmt: skip
    else:
        what = ("the guest was lost while its command ran" if ended_itself else
                f"the command did not end within {timeout:g} s")  # fmt: skip
    lines = console.read_text(errors="replace").splitlines() if console.exists() else []
    tail = "".join(f"\n  {line}" for line in lines[-CONSOLE_LINES:])
    raise GuestError(f"{what}; its console ended:{tail or ' (nothing printed)'}")


@contextlib.contextmanager
def _catch_signals() -> Iterator[None]:
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
