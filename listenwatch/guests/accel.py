"""KVM or emulation: a machine may have /dev/kvm and yet be unable to run a guest with it."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from listenwatch.errors import GuestError
from listenwatch.guests import architectures
from listenwatch.guests.apt import Progress
from listenwatch.guests.cache import cache_directory
from listenwatch.guests.kernels import GuestKernel
from listenwatch.linux import libc

Accel = Literal["auto", "kvm", "tcg"]
#: With KVM a kernel without a root panics within two seconds; emulation takes about five.
TRIAL_SECONDS = 15.0


class Trial(NamedTuple):
    """The result of a trial; ``works`` is None where it proves nothing."""

    works: bool | None
    reason: str


def use_kvm(accel: Accel, kernel: GuestKernel, progress: Progress) -> bool:
    """Whether to boot ``kernel`` with KVM. Trials that settle it are kept until the next reboot."""
    if accel == "kvm" and not kernel.architecture.is_own:
        raise GuestError(f"KVM runs only guests of {architectures.own().name} here: use --accel tcg")
    if accel == "tcg" or not kernel.architecture.is_own:
        return False
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        if accel == "kvm":
            raise GuestError("/dev/kvm cannot be opened: join the group kvm, or use --accel tcg")
        return False
    if accel == "kvm":
        return True
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    cache = cache_directory() / "kvm.json"
    known = json.loads(cache.read_text()) if cache.exists() else {}
    if known.get("boot_id") == boot_id:
        return bool(known["works"])
    trial = try_kvm(kernel.image)
    if trial.works is not None:
        cache.write_text(json.dumps({"boot_id": boot_id, "works": trial.works}) + "\n")
    if not trial.works:
        progress(f"KVM does not work here ({trial.reason}): emulating instead, which is slower")
    return bool(trial.works)


def try_kvm(image: Path, seconds: float = TRIAL_SECONDS) -> Trial:
    """Boot ``image`` without a root, which ends in a panic and a clean exit where KVM works."""
    with tempfile.TemporaryDirectory(prefix="listenwatch-kvm-") as directory:
        console = Path(directory) / "console"
        command = [
            architectures.own().emulator(), "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-display", "none",
            "-no-reboot", "-serial", f"file:{console}", "-kernel", str(image),
            "-append", "console=ttyS0 panic=-1",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=seconds, preexec_fn=libc.die_with_parent)  # fmt: skip
        except subprocess.TimeoutExpired:
            # A slow guest has printed something by now; one that hangs at its first instruction has not.
            printed = console.exists() and console.stat().st_size > 0
            return Trial(None if printed else False, f"no end within {seconds:g} s")
        return judge(done.returncode, done.stderr, console)


def judge(status: int, stderr: str, console: Path) -> Trial:
    """Read a trial that ended: QEMU refuses with a status, a kernel that ran left its console."""
    if status != 0:
        return Trial(works=False, reason=(stderr.strip().splitlines() or [f"status {status}"])[0])
    ran = console.exists() and "Linux version" in console.read_text(errors="replace")
    return Trial(works=True if ran else None, reason="ran" if ran else "the guest printed nothing")
