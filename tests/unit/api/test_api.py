"""The public API: its examples, its names, and what a call says of itself."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import listenwatch
from listenwatch.api.judged_call import JudgedCall
from listenwatch.errors import RecordingError, UsageError
from listenwatch.model.inputs import EntryPath
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.summary import Summary
from tests.helpers.calls import (
    BEHAVIOUR,
    KERNEL,
    SAMPLES,
    call,
    disagreeing,
    recorded,
    refused,
    unreturned,
)
from tests.helpers.examples import needs_root, run_examples
from tests.helpers.make import MPTCP, TCP6, UDP, UNIX


def judged(each: object = None) -> JudgedCall:
    made = call() if each is None else each
    return JudgedCall(made, judge(made, BEHAVIOUR), KERNEL)  # type: ignore[arg-type]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(recorded())
    return path


# -- the package


def test_the_examples_of_the_docstring(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trace.parent)
    assert run_examples(lambda paragraph: not needs_root(paragraph)) >= 6


def test_every_public_name_is_there_and_is_documented() -> None:
    for name in listenwatch.__all__:
        assert getattr(listenwatch, name).__doc__, name
    with pytest.raises(AttributeError, match="'listenwatch' has no attribute 'nothing'"):
        listenwatch.nothing  # noqa: B018


def test_no_module_hides_a_public_name() -> None:
    folder = Path(listenwatch.__file__).parent
    for name in listenwatch.__all__:
        assert not (folder / name).exists() and not (folder / f"{name}.py").exists()


@pytest.mark.parametrize("statement", ["import listenwatch", "from listenwatch import cli"])
def test_what_is_not_used_is_not_imported(statement: str) -> None:
    """The start-up of ``listenwatch --help`` is that of Python."""
    script = f"{statement}; import sys; print(*(m for m in sys.modules if m.startswith('listenwatch.')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    rooms = {name.split(".")[1] for name in imported - {"listenwatch.commands", "listenwatch.commands.parser"}}
    assert rooms <= {"cli", "errors", "linux", "version"}


HEAVY = {"attr", "cattrs", "email", "http", "importlib.metadata", "jinja2", "psutil", "pyroute2", "rich", "tabulate"}
"""What takes 10 ms and more to import, of which these commands use nothing."""


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["--help"], {"ctypes", "dataclasses", "json", "shutil", "socket", "subprocess", "listenwatch.bpf"}),
        (["--version"], {"dataclasses", "json", "shutil", "socket", "subprocess", "listenwatch.model.behaviour"}),
        (["watch", "--help"], {"dataclasses", "json", "subprocess", "listenwatch.model.behaviour", "listenwatch.report"}),
        (["sockets", "--help"], {"asyncio", "cattrs", "listenwatch.session"}),
    ],
)
def test_a_command_imports_only_what_it_uses(arguments: list[str], unused: set[str]) -> None:
    """By names, not by the time it takes. Psutil is for who holds a socket."""
    script = """if True:
        import sys
        before = {*sys.modules}
        from listenwatch import cli
        try:
            cli.main(sys.argv[1:])
        except SystemExit:
            print(*{*sys.modules} - before, file=sys.stderr)"""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    heavy = HEAVY - ({"psutil", "tabulate"} if "sockets" in arguments else set())
    assert not set(done.stderr.split()) & (heavy | unused)


def test_a_watch_that_prints_a_table_imports_no_more() -> None:
    script = (
        "import sys; before = {*sys.modules}; import listenwatch.commands.watch, listenwatch.commands.watching; "
        "print(*{*sys.modules} - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (HEAVY | {"listenwatch.call.line", "listenwatch.call.recording"})


# -- a call


def test_what_a_call_says_of_itself() -> None:
    clamped = judged(call(backlog=511, somaxconn=128))
    assert (clamped.pid, clamped.name, clamped.port, clamped.netns) == (4242, "nginx", 8080, 1)
    assert (clamped.protocol, clamped.local) == ("tcp", "127.0.0.1:8080")
    assert (clamped.asked, clamped.somaxconn, clamped.stored, clamped.limit) == (511, 128, 128, 128)
    assert (clamped.result, clamped.errno) == (0, None)
    assert (clamped.verdict, clamped.agrees) == (VerdictKind.AGREE, True)
    assert (clamped.rule, clamped.backlog_rule, clamped.clamped) == ("listens", "clamped", True)
    assert not judged(call(backlog=128, somaxconn=128)).clamped
    why = "asked 511, stored 128: clamped by net.core.somaxconn"
    assert clamped.explain() == why
    assert repr(clamped) == f"<listen(511) by nginx (pid 4242) on 127.0.0.1:8080: AGREE, {why}>"
    assert clamped.as_json()["stored"] == 128


def test_a_call_that_failed_or_was_not_seen() -> None:
    failed = judged(refused())
    assert (failed.errno, failed.stored, failed.limit, failed.port) == ("EBADF", None, None, None)
    assert (failed.protocol, failed.agrees) == ("", True)
    unsupported = judged(call(UDP, 1))
    assert (unsupported.errno, unsupported.stored, unsupported.limit) == ("EOPNOTSUPP", 0, None)
    assert judged(unreturned()).verdict is VerdictKind.INCONCLUSIVE
    assert not judged(unreturned()).agrees
    assert not judged(disagreeing()).agrees
    assert judged(call(MPTCP, 20)).limit == 20


@pytest.mark.parametrize("each", [call(), call(TCP6, -1), call(UNIX, 5), call(MPTCP, 20), SAMPLES[1]])
def test_predicted_for_itself_it_is_what_happened(each: object) -> None:
    made = judged(each)
    again = made.predict()
    assert again.kernel == "6.1.192"
    assert (again.stored, again.result, again.backlog_rule) == (made.stored, 0, made.backlog_rule)


def test_predicted_for_another_machine() -> None:
    made = judged(call(backlog=4096, somaxconn=128))
    assert made.predict(somaxconn=1024).stored == 1024
    other = made.predict(somaxconn=100_000, kernel="2.6.20")
    assert (other.kernel, other.stored) == ("2.6.20", 4096)


def test_predicted_on_a_socket_that_listens_already() -> None:
    made = judged(call(backlog=7))
    again = made.call._replace(pre=made.call.post, backlog=9)
    assert judged(again).predict().rule == "relistens"


def test_what_cannot_be_predicted_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no prediction for udp sockets: choose from tcp, tcp6"):
        judged(call(UDP, 1)).predict()
    with pytest.raises(UsageError, match="no prediction for no sockets"):
        judged(refused()).predict()
    with pytest.raises(UsageError, match="the call itself was not seen"):
        judged(call()._replace(entry_path=EntryPath.UNKNOWN)).predict()


# -- predict


def test_predict() -> None:
    taken = listenwatch.predict(5, family="unix", bound=False, kernel="6.1")
    assert (taken.result, taken.errno, taken.rule) == (-22, "EINVAL", "unix-unbound")
    assert taken.capacity is None
    assert "unix-unbound" in taken.explain()
    assert listenwatch.predict(5).stored == 5  # this kernel
    assert listenwatch.predict(1000, relisten=5, kernel="6.1").rule == "relistens"
    with pytest.raises(UsageError, match="no kernel 'x': give a version or a series"):
        listenwatch.predict(5, kernel="x")
    with pytest.raises(UsageError, match=r"Linux 5\.5: no model of MPTCP"):
        listenwatch.predict(5, kernel="5.5", family="mptcp")


# -- replay


def test_replay(trace: Path) -> None:
    recording = listenwatch.replay(trace)
    assert [each.call for each in recording] == list(SAMPLES)
    assert recording.summary == Summary(4, 1, 1, 0, 0)
    assert (recording.header.kernel, recording.header.attach) == (KERNEL, "kprobe")


def test_replay_of_a_damaged_file(trace: Path) -> None:
    trace.write_bytes(trace.read_bytes()[:-300])
    with listenwatch.replay(str(trace)) as recording, pytest.raises(RecordingError, match="cut"):
        list(recording)
    assert recording.summary.judged == len(SAMPLES) - 1
    trace.write_bytes(b"{}")
    with pytest.raises(RecordingError, match="not a listenwatch recording"):
        listenwatch.replay(trace)
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        listenwatch.replay(trace.parent)


# -- listeners


def test_listeners() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=7) as server:
        port = server.getsockname()[1]
        every = listenwatch.listeners()
        (here,) = [each for each in every if each.port == port and each.protocol == "tcp"]
    assert (here.local, here.queue, here.limit, here.capacity) == (f"127.0.0.1:{port}", 0, 7, 8)
    assert here.netns == Path("/proc/self/ns/net").stat().st_ino
    assert "python" in here.holders[0].name or "pytest" in here.holders[0].name
    assert here.diagnosis == {"own": "its listen() asked for 7, unless somaxconn was 7 then"}
    assert all(isinstance(text, str) for text in every.unseen)
