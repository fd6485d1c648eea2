"""Compiles the modules against the headers of a guest's kernel, here rather than in the slow guest."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from listenwatch.errors import GuestError
from listenwatch.guests.apt import tool
from listenwatch.guests.architectures import Architecture, own
from listenwatch.labs.modules import MODULES, make_modules


def build(headers: Path, place: Path, architecture: Architecture | None = None) -> list[Path]:
    """Compile in a copy at ``place``; returns the .ko files. GuestError says why it cannot.

    Debian's headers name their other half by its place under /usr/src, where a guest has it; here
    ``-C`` and ``O=`` name the two. Their tools are programs of the kernel's own Debian release, and
    run here if that is not a newer one. Who comes while another compiles there waits: two of the
    kernel's builds in a folder take each other's files away.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(MODULES, place, dirs_exist_ok=True)
        _compile(headers, place, architecture or own())
    return sorted(place.glob("*.ko"))


def with_own_tools(headers: Path, native: Path, place: Path) -> Path:
    """Headers of another architecture, copied with the tools from ``native``, this machine's of the same version."""
    if headers.name != native.name:
        raise GuestError(f"the tools of {native.name} are not those of {headers.name}: take a kernel both have")
    copy = place / "headers"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(headers, copy, symlinks=True)
    (tools,) = copy.glob("usr/lib/linux-kbuild-*")
    shutil.rmtree(tools)
    shutil.copytree(native / tools.relative_to(copy), tools, symlinks=True)
    return copy


def cross_compiling(architecture: Architecture) -> list[str]:
    """What the kernel's build has to know to compile for another architecture; GuestError names the compiler's package."""
    prefix = f"{architecture.machine}-linux-gnu-"
    compiler = tool(f"{prefix}gcc", f"gcc-{prefix[:-1].replace('_', '-')}")
    name = "x86" if architecture.name == "amd64" else architecture.name
    return [f"ARCH={name}", f"CROSS_COMPILE={prefix}", f"CC={compiler}"]


def _compile(headers: Path, place: Path, architecture: Architecture) -> None:
    (common,) = headers.glob("usr/src/linux-headers-*-common*")
    (config,) = (path.parent for path in headers.glob("usr/src/linux-headers-*/.config"))
    options = ["CC=gcc"] if architecture.is_own else cross_compiling(architecture)
    if error := make_modules(f"-j{os.cpu_count()}", *options, "-C", common, f"O={config}", f"M={place}"):
        raise GuestError(
            f"cannot compile modules for {config.name} ({error}): take a kernel of this "
            "machine's own Debian release or of an older one (6.1 for Debian 12)"
        )
