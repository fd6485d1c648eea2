"""What a guest sees of this machine: which directory is mounted how, as lines of an fstab.

The root is shared read-only and the guest keeps what it has read (``cache=loose``): nothing there changes while
it runs. The working directory is what guest and host both write, so every access there asks the host.
Programs in it, the package and its Python, are mounted from the root again: most of what is read is theirs.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

#: Copy-on-write in the guest: writes work and are forgotten.
OVERLAYS = ("/etc", "/home", "/lib", "/opt", "/root", "/srv", "/tmp", "/usr", "/var")
#: An empty tmpfs lies over each of these.
HIDDEN = ("/dev", "/proc", "/run", "/sys", "/var/cache", "/var/log", "/var/tmp", "/var/lib/apt")

P9 = "trans=virtio,version=9p2000.L,msize=512000,access=any"
NEW, UPPER = "/newroot", "/newroot/run/listenwatch/overlay"
ROOT_TAG, CWD_TAG = "listenwatch.root", "listenwatch.cwd"
SYSTEM = (
    (ROOT_TAG, NEW, "9p", f"ro,cache=loose,{P9}"),
    (NEW, "/host", "none", "bind"),
    ("proc", f"{NEW}/proc", "proc", "nosuid,nodev,noexec"),
    ("sys", f"{NEW}/sys", "sysfs", "nosuid,nodev,noexec"),
    ("dev", f"{NEW}/dev", "devtmpfs", "nosuid,noexec,mode=755"),
    ("run", f"{NEW}/run", "tmpfs", "mode=755"),
    ("debugfs", f"{NEW}/sys/kernel/debug", "debugfs", "defaults"),
    ("tracefs", f"{NEW}/sys/kernel/tracing", "tracefs", "defaults"),
    ("securityfs", f"{NEW}/sys/kernel/security", "securityfs", "defaults"),
    ("cgroup2", f"{NEW}/sys/fs/cgroup", "cgroup2", "defaults"),
)


def setup(cwd: Path, programs: Iterable[Path]) -> dict[str, bytes]:
    """The tables, and the script that mounts them, by their names in the initramfs.

    ``programs`` are directories that nobody changes while the guest runs: those inside ``cwd`` are read from the
    root, and cannot be written to there.
    """
    overlaid = [name for name in OVERLAYS if Path(name).is_dir() and not Path(name).is_symlink()]
    uppers = [f"{UPPER}{name}/{part}" for name in overlaid for part in ("upper", "work")]
    files = [
        ("devpts", f"{NEW}/dev/pts", "devpts", "nosuid,noexec,mode=620,ptmxmode=666"),
        ("shm", f"{NEW}/dev/shm", "tmpfs", "nosuid,nodev,mode=1777"),
        *(("overlay", NEW + name, "overlay", f"xino=off,lowerdir={NEW}{name},upperdir={UPPER}{name}/upper,"
           f"workdir={UPPER}{name}/work") for name in overlaid),
        *(("tmpfs", NEW + name, "tmpfs", "defaults") for name in HIDDEN
          if name.startswith("/var/") and Path(name).is_dir()),
    ]  # fmt: skip
    steps = [
        shlex.join(["mkdir", "-p", f"{NEW}/run/lock", f"{NEW}/dev/pts", f"{NEW}/dev/shm", *uppers]),
        "mount -a -T /mounts/files",
    ]
    tables = {"mounts/system": _fstab(SYSTEM), "mounts/files": _fstab(files)}
    if cwd != Path("/"):
        inside = sorted({program for program in programs if cwd in program.parents})
        binds = [(f"/host{program}", f"{NEW}{program}", "none", "bind") for program in inside]
        tables["mounts/cwd"] = _fstab([(CWD_TAG, f"{NEW}{cwd}", "9p", P9), *binds])
        steps += [shlex.join(["mkdir", "-p", f"{NEW}{cwd}"]), "mount -a -T /mounts/cwd"]
    return tables | {"mounts/all": os.fsencode("\n".join(steps) + "\n")}


def programs() -> list[Path]:
    """Where this Python and this package are: their directories, free of symbolic links."""
    return [Path(name).resolve() for name in (sys.prefix, sys.base_prefix, Path(__file__).parents[1])]


def _fstab(rows: Iterable[tuple[str, ...]]) -> bytes:
    return b"".join(os.fsencode(" ".join(_escaped(field) for field in row) + " 0 0\n") for row in rows)


def _escaped(field: str) -> str:
    """As fstab(5) writes white space, and what else would end or begin something."""
    return re.sub(r"[\s\\#]", lambda match: f"\\{ord(match.group()):03o}", field)
