"""Compiles the standalone program, for this machine or another: clang and lld are all it takes."""

import shutil
import subprocess
from pathlib import Path

from listenwatch.errors import ObserveError, UsageError

SOURCE = Path(__file__).parent / "source"
ARCHITECTURES = {
    "x86_64": ("--target=x86_64-linux-gnu",),
    "i386": ("--target=i386-linux-gnu", "-march=i486"),
    "aarch64": ("--target=aarch64-linux-gnu",),
}
"""What it can be compiled for, with clang's options: i386 for the oldest processors, which have no SSE."""
FLAGS = (
    "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin", "-nostdlib", "-static", "-fno-pie",
    "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fuse-ld=lld", "-Wl,--build-id=none", "-s",
)  # fmt: skip


def build(folder: Path, architectures: tuple[str, ...] = tuple(ARCHITECTURES)) -> list[Path]:
    """The programs ``conformance.ARCHITECTURE`` in the folder; ObserveError where there is no compiler."""
    for tool, package in (("clang", "clang"), ("ld.lld", "lld")):
        if not shutil.which(tool):
            raise ObserveError(f"no {tool} here: apt-get install {package}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--build {folder}: {error.strerror}") from None
    return [_compiled(folder / f"conformance.{name}", ARCHITECTURES[name]) for name in architectures]


def _compiled(program: Path, options: tuple[str, ...]) -> Path:
    line = ["clang", *options, *FLAGS, "-o", str(program), str(SOURCE / "conformance.c")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        why = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
        raise ObserveError(f"clang cannot make {program.name}: {why}", done.stderr)
    return program
