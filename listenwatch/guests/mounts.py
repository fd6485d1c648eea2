"""What a guest sees of this machine: which directory is shared, and mounted how, as lines of an fstab.

The root is shared read-only and the guest keeps what it has read (``cache=loose``): nothing there changes while
it runs. The working directory is what guest and host both write, so every access there asks the host.
Programs in it, the package and its Python, are mounted from the root again: most of what is read is theirs.

A guest of another architecture has a userland as its root, written to and forgotten as a whole, and sees of this
machine's root only the kernel's modules and headers, and this package with what it imports (``userland.mounted``).
"""

import os
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from listenwatch.guests.userland import COMPILED, Userland, mounted

#: Copy-on-write in the guest: writes work and are forgotten.
OVERLAYS = ("/etc", "/home", "/lib", "/opt", "/root", "/srv", "/tmp", "/usr", "/var")
#: An empty tmpfs lies over each of these.
HIDDEN = ("/dev", "/proc", "/run", "/sys", "/var/cache", "/var/log", "/var/tmp", "/var/lib/apt")

P9 = "trans=virtio,version=9p2000.L,msize=512000,access=any"
NEW, UPPER = "/newroot", "/newroot/run/listenwatch/overlay"
CWD, HOST, COMPILED_SHARE = "cwd", "host", "python"
LOWER, FORGOTTEN = "/lower", "/forgotten"
SYSTEM = (
    ("proc", f"{NEW}/proc", "proc", "nosuid,nodev,noexec"),
    ("sys", f"{NEW}/sys", "sysfs", "nosuid,nodev,noexec"),
    ("dev", f"{NEW}/dev", "devtmpfs", "nosuid,noexec,mode=755"),
    ("run", f"{NEW}/run", "tmpfs", "mode=755"),
    ("debugfs", f"{NEW}/sys/kernel/debug", "debugfs", "defaults"),
    ("tracefs", f"{NEW}/sys/kernel/tracing", "tracefs", "defaults"),
    ("securityfs", f"{NEW}/sys/kernel/security", "securityfs", "defaults"),
    ("cgroup2", f"{NEW}/sys/fs/cgroup", "cgroup2", "defaults"),
)


class Share(NamedTuple):
    """A directory of this machine that QEMU offers to the guest under a ``tag``."""

    name: str
    directory: Path
    writable: bool = False

    @property
    def tag(self) -> str:
        """What the guest mounts it by."""
        return f"listenwatch.{self.name}"


def shares(cwd: Path, userland: Userland | None = None) -> list[Share]:
    """What a guest is offered: its root, and what it writes."""
    offered = [Share("root", userland.root if userland else Path("/"))]
    if userland:
        offered += [Share(HOST, Path("/")), Share(COMPILED_SHARE, userland.compiled, writable=True)]
    if cwd != Path("/"):
        offered.append(Share(CWD, cwd, writable=True))
    return offered


def setup(
    cwd: Path, userland: Userland | None = None, *, programs: Iterable[Path] = (), needed: Iterable[Path] = ()
) -> dict[str, bytes]:
    """The tables, and the scripts that mount them, by their names in the initramfs.

    ``programs`` are directories that nobody changes while the guest runs: those inside ``cwd`` are read from the
    root, and cannot be written to there. ``needed`` are those that a guest with a ``userland`` lacks.
    """
    root, files, directories = _userland(needed) if userland else _own()
    steps = [shlex.join(["mkdir", "-p", f"{NEW}/run/lock", f"{NEW}/run/listenwatch", f"{NEW}/dev/pts", f"{NEW}/dev/shm", *directories]),
             "mount -a -T /mounts/files"]  # fmt: skip
    pseudo = [
        ("devpts", f"{NEW}/dev/pts", "devpts", "nosuid,noexec,mode=620,ptmxmode=666"),
        ("shm", f"{NEW}/dev/shm", "tmpfs", "nosuid,nodev,mode=1777"),
    ]
    tables = {"mounts/system": _fstab(SYSTEM), "mounts/files": _fstab([*pseudo, *files])}
    if cwd != Path("/"):
        inside = sorted({program for program in programs if cwd in program.parents})
        binds = [(f"/host{program}", f"{NEW}{program}", "none", "bind") for program in inside]
        tables["mounts/cwd"] = _fstab([(Share(CWD, cwd).tag, f"{NEW}{cwd}", "9p", P9), *binds])
        steps += [shlex.join(["mkdir", "-p", f"{NEW}{cwd}"]), "mount -a -T /mounts/cwd"]
    scripts = {"mounts/root": root, "mounts/all": steps}
    return tables | {name: os.fsencode("\n".join(lines) + "\n") for name, lines in scripts.items()}


_Parts = tuple[list[str], list[tuple[str, ...]], list[str]]
"""How the root is mounted, what is mounted in it, and the directories for that."""


def _own() -> _Parts:
    """For a guest that runs this machine's programs: its root, on which single directories can be written to."""
    overlaid = [name for name in OVERLAYS if Path(name).is_dir() and not Path(name).is_symlink()]
    files: list[tuple[str, ...]] = [
        *(("overlay", NEW + name, "overlay", f"xino=off,lowerdir={NEW}{name},upperdir={UPPER}{name}/upper,"
           f"workdir={UPPER}{name}/work") for name in overlaid),
        *(("tmpfs", NEW + name, "tmpfs", "defaults") for name in HIDDEN
          if name.startswith("/var/") and Path(name).is_dir()),
    ]  # fmt: skip
    root = [_mount_9p("root", NEW), f"mount -o bind {NEW} /host"]
    return root, files, [f"{UPPER}{name}/{part}" for name in overlaid for part in ("upper", "work")]


def _userland(needed: Iterable[Path]) -> _Parts:
    """For a guest with programs of its own."""
    upper, work = f"{FORGOTTEN}/upper", f"{FORGOTTEN}/work"
    root = [
        _mount_9p("root", LOWER),
        f"mount -t tmpfs forgotten {FORGOTTEN}",
        f"mkdir {upper} {work}",
        f"mount -t overlay -o xino=off,lowerdir={LOWER},upperdir={upper},workdir={work} overlay {NEW}",
        _mount_9p(HOST, "/host"),
    ]
    places = {str(path): path for path in needed} | mounted()
    files: list[tuple[str, ...]] = [(f"/host{path}", f"{NEW}{place}", "none", "bind") for place, path in places.items()]
    files.append((Share(COMPILED_SHARE, Path()).tag, f"{NEW}{COMPILED}", "9p", P9))
    return root, files, [NEW + place for place in places]


def _mount_9p(name: str, place: str) -> str:
    return f"mount -t 9p -o ro,cache=loose,{P9} {Share(name, Path()).tag} {place}"


def own_programs() -> list[Path]:
    """Where this Python and this package are: their directories, free of symbolic links."""
    return [Path(name).resolve() for name in (sys.prefix, sys.base_prefix, Path(__file__).parents[1])]


def _fstab(rows: Iterable[tuple[str, ...]]) -> bytes:
    return b"".join(os.fsencode(" ".join(_escaped(field) for field in row) + " 0 0\n") for row in rows)


def _escaped(field: str) -> str:
    """As fstab(5) writes white space, and what else would end or begin something."""
    return re.sub(r"[\s\\#]", lambda match: f"\\{ord(match.group()):03o}", field)
