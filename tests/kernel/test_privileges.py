"""Each command as nobody, with no new privileges, tracefs mounted, and no capability but those it needs."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from listenwatch.errors import ObserveError
from listenwatch.features.attach import ENGINES, choose_mode
from listenwatch.linux.privileges import (
    ATTACH,
    CAPABILITIES,
    COMMANDS,
    ENTER_NAMESPACES,
    FIND_HOLDERS,
    to_attach,
)
from tests import ROOT
from tests.helpers.privileges import as_nobody
from tests.helpers.watching import LISTENWATCH, PATIENCE, Watching, needs, needs_kernel, python
from tests.require import require

FIRST_LINE = {
    "watch": ["watch", "--duration", "1", "-p", "1"], "overflow": ["overflow", "--duration", "1"],
    "sockets": ["sockets"], "features": ["features", "--json"],
    "verify": ["verify", "-k", "backlog-clamped-ipv4"], "lab": ["lab", "prove", "1"],
    "exporter": ["exporter", "--listen", "127.0.0.1:0", "--duration", "1"],
}  # fmt: skip
ABOVE = (0, 4)
"""What a command may end with that did its work: 4 where this machine hides processes from root too."""


@pytest.fixture(autouse=True, scope="module")
def _needs() -> None:
    needs_kernel()
    for tool in ("unshare", "setpriv", "mount"):
        needs(tool)
    reads = subprocess.run(as_nobody(ATTACH, [*LISTENWATCH, "--version"]), cwd=ROOT, capture_output=True, check=False)
    require("kernel", reads.returncode == 0, "nobody may not run this Python")


def needed_by(command: str) -> tuple[str, ...]:
    """What the table says, or what takes its place on this machine."""
    needed = COMMANDS[command].needed
    return to_attach() if needed == ATTACH else needed


def sentence(needed: tuple[str, ...]) -> str:
    """A message that ends with these, as a pattern; that of watch goes on with what takes none."""
    names = re.escape(f"{', '.join(needed[:-1])} and {needed[-1]}")
    return rf"listenwatch: .*: run it as root, or with {names}(; a command of your own .*)?\n"


def run(capabilities: Iterable[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of listenwatch as nobody with these."""
    line = as_nobody(capabilities, [*LISTENWATCH, *arguments])
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """A port that root listens on in another network namespace."""
    script = """if True:
        import os, socket
        sock = socket.socket(); sock.bind(("0.0.0.0", 0)); sock.listen(7)
        print(sock.getsockname()[1], flush=True)
        input()"""
    with subprocess.Popen(
        ["unshare", "--net", *python(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdin
        yield int(process.stdout.readline())
        process.stdin.close()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_what_is_named_suffices(command: str) -> None:
    done = run([*needed_by(command), *COMMANDS[command].more], *FIRST_LINE[command])
    assert done.returncode in ABOVE, done.stderr
    assert "run it as root" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [name for name, needs in COMMANDS.items() if needs.needed])
def test_nothing_that_is_named_can_be_spared(command: str) -> None:
    needed = needed_by(command)
    if command != "verify":
        assert run(needed, *FIRST_LINE[command]).returncode in ABOVE
    for name in needed:
        if "CAP_SYS_ADMIN" in needed and name in ("CAP_BPF", "CAP_PERFMON"):
            continue  # which stands for both
        done = run(set(needed) - {name}, *FIRST_LINE[command])
        assert (done.returncode, done.stdout) == (3, ""), name
        assert re.fullmatch(sentence(needed), done.stderr), done.stderr


@pytest.mark.parametrize(("engine", "mode"), [(engine, mode) for engine in ENGINES for mode in ENGINES[engine]])
def test_every_mode_takes_the_same(engine: str, mode: str) -> None:
    try:
        choose_mode(mode, ENGINES[engine])
    except ObserveError as error:
        require("kprobes", False, str(error))
    if engine == "bcc":
        require("headers", Path(f"/lib/modules/{os.uname().release}/build").exists(), "no headers of this kernel")
    call = python("import socket; socket.socket().listen(5)")
    line = ["watch", "--engine", engine, "--attach", mode, "--json", "--", *call]
    done = run(to_attach(), *line)
    assert done.returncode == 0 and '"asked": 5' in done.stdout, done.stderr
    for name in to_attach():
        done = run(set(to_attach()) - {name}, *line)
        assert (done.returncode, done.stdout) == (3, ""), name
        assert re.fullmatch(sentence(to_attach()), done.stderr), done.stderr


def test_with_the_names_that_were_given_before_it_says_which_are_right() -> None:
    done = run(["CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN"], *FIRST_LINE["watch"])
    assert done.returncode == 3 and re.fullmatch(sentence(to_attach()), done.stderr)


def test_sockets_says_what_it_does_not_see(elsewhere: int) -> None:
    line = "sockets", "-P", str(elsewhere)
    everything = {*FIND_HOLDERS, *ENTER_NAMESPACES}
    seen = run(everything, *line)
    assert f":{elsewhere} " in seen.stdout and "python" in seen.stdout
    expected = {
        "CAP_SYS_ADMIN": (False, "setns: Operation not permitted (run it as root, or with CAP_SYS_ADMIN)"),
        "CAP_SYS_PTRACE": (False, "not permitted (run it as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE)"),
        "CAP_DAC_READ_SEARCH": (True, "not permitted (run it as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE)"),
    }
    for name, (is_listed, text) in expected.items():
        done = run(everything - {name}, *line)
        assert done.returncode == 4, name
        assert (f":{elsewhere} " in done.stdout, "python" in done.stdout) == (is_listed, False)
        assert text in done.stderr


def test_overflow_says_which_counters_it_may_not_read(elsewhere: int) -> None:
    needed, more = needed_by("overflow"), COMMANDS["overflow"].more
    done = run({*needed, *more} - {"CAP_SYS_ADMIN"}, *FIRST_LINE["overflow"])
    assert done.returncode == 4
    assert "its own counters may not be read: run it as root, or with CAP_SYS_ADMIN" in done.stderr
    done = run(needed, *FIRST_LINE["overflow"])
    assert done.returncode == 4
    assert "processes of other users and their namespaces: run it as root, or with CAP_SYS_PTRACE" in done.stderr


def effective(pid: int | str) -> int:
    """CapEff of a process."""
    match = re.search(r"^CapEff:\t(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match
    return int(match[1], 16)


def mask(*names: str) -> int:
    return sum(1 << CAPABILITIES[name] for name in names)


def test_once_attached_it_keeps_only_what_it_still_needs() -> None:
    kept = {"watch": ("CAP_BPF", "CAP_KILL"), "overflow": ("CAP_BPF", *FIND_HOLDERS, *ENTER_NAMESPACES)}
    for command, names in kept.items():
        watch = Watching(command=command).ready()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen(7)
        if command == "watch":
            watch.line()  # it says that it watches once calls are recorded, and shows them once it has settled
        assert effective(watch.process.pid) == mask(*names) & effective("self"), command
        assert watch.end(signal.SIGINT) in ABOVE, watch.err
        if command == "watch":
            assert "lost" in watch.err


@pytest.mark.parametrize("options", [[], ["--json"], ["--stages"]])
def test_nothing_is_imported_once_they_are_gone(options: list[str]) -> None:
    """Its own files may lie where only the capabilities that were given up let it read."""
    script = f"""if True:
        import sys
        from listenwatch import cli
        from listenwatch.linux import privileges
        give_up = privileges.keep_only
        def keep_only(names):
            global before
            before = {{*sys.modules}}
            give_up(names)
        privileges.keep_only = keep_only
        listened = "import socket; socket.socket().listen(5)"
        assert cli.main(["watch", *{options!r}, "--", sys.executable, "-c", listened]) == 0
        print(*{{*sys.modules}} - before)"""
    done = subprocess.run(python(script), capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_the_command_that_is_followed_keeps_all() -> None:
    """And is ended by a signal all the same where it is another user by then."""
    script = f"""if True:
        import os, signal, socket, time
        print(open("/proc/self/status").read(), flush=True)
        os.setuid(65534)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
        socket.socket().listen(3)
        time.sleep({PATIENCE})"""
    watch = Watching("--json", "--", *python(script)).ready()
    assert watch.call()["uid"] == 65534
    watch.process.send_signal(signal.SIGTERM)
    assert watch.end() == 7
    assert f"CapEff:\t{effective('self'):016x}\n" in watch.err and "ended with status 7" in watch.err
