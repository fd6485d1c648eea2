"""Runs the standalone program: on this kernel, or within another stack that this machine can start."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from listenwatch.conformance.standalone.build import ARCHITECTURES, build
from listenwatch.conformance.standalone.stacks import GVISOR_NAME
from listenwatch.errors import ObserveError
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import escape

STACKS = {GVISOR_NAME: ("runsc", "--platform=ptrace", "--network=none", "do")}
"""The command under which a program runs in the stack. ptrace: it needs no virtualization; none: its loopback is its own."""
_PATIENCE = 300
"""Seconds; a run takes some 5."""


def answers_here(folder: Path) -> Path:
    """The file with what the program printed on this kernel."""
    return _answers(folder / "answers-here.jsonl", ())


def answers_in(stack: str, folder: Path) -> Path:
    """The same within the stack; ObserveError where it cannot be started."""
    command = STACKS[stack]
    if not shutil.which(command[0]):
        raise ObserveError(f"no {command[0]} here: apt-get install {command[0]}")
    return _answers(folder / f"answers-{stack}.jsonl", command)


def _architecture() -> str:
    machine = running_kernel().machine
    name = "i386" if re.fullmatch(r"i[3-6]86", machine) else machine
    if name not in ARCHITECTURES:
        raise ObserveError(f"the program is not made for {escape(machine)}, only for {', '.join(ARCHITECTURES)}")
    return name


def _answers(file: Path, command: tuple[str, ...]) -> Path:
    with tempfile.TemporaryDirectory(prefix="listenwatch-") as build_folder:
        (program,) = build(Path(build_folder), (_architecture(),))
        try:
            done = subprocess.run(
                [*command, str(program)], capture_output=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise ObserveError(f"{command[0] if command else program.name} did not end within {_PATIENCE} s") from None
    if done.returncode:
        why = escape(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:][0] if done.stderr.strip() else "")
        name = command[0] if command else program.name
        raise ObserveError(f"{name} ended with {done.returncode}{f': {why}' if why else ''}")
    file.write_bytes(done.stdout)
    return file
