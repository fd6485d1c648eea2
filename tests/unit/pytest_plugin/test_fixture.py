"""The fixture ``listenwatch``, in sessions that are not watched; by seccomp, so without privilege."""

from __future__ import annotations

import subprocess
import sys

import pytest

from listenwatch.pytest_plugin.session_client import FOLDER
from tests.helpers.plugin import PROJECT, needs_seccomp

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _able(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_seccomp()
    monkeypatch.delenv(FOLDER, raising=False)


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(PROJECT + tests)
    return pytester.runpytest_inprocess(*options)


def test_calls_of_a_command(pytester: pytest.Pytester) -> None:
    run(pytester, """
SCRIPT = '''
s = socket.create_server(("127.0.0.1", 0), backlog=9)
s.listen(10)
t = socket.create_server(("127.0.0.1", 0), backlog=11)
print(t.getsockname()[1], flush=True)
time.sleep(600)'''.replace("\\n", "; ").removeprefix("; ")

def test_it(listenwatch, capfd):
    with listenwatch.watch(python(SCRIPT), attach="seccomp") as calls:
        while not (out := capfd.readouterr().out):
            pass
        last = calls.wait(port=int(out))
        assert (last.asked, last.stored, last.agrees) == (11, 11, True)
        first = calls.wait()
        assert calls.wait(port=first.port, name="py").asked == 10
        with pytest.raises(pytest.fail.Exception, match="no listen.. on port 1 within 0.1 s; seen: .*asked 9, stored 9"):
            calls.wait(port=1, timeout=0.1)
    assert [call.asked for call in calls] == [9, 10, 11] and len(calls) == 3 and calls[2].port == last.port
    assert calls.process.returncode < 0
    assert listenwatch.predict(511, somaxconn=128, kernel="6.1").stored == 128

def test_folder_and_environment(listenwatch, tmp_path):
    script = "import os; assert os.getcwd() == os.environ['HERE']; socket.socket().listen(4)"
    with listenwatch.watch(python(script), cwd=tmp_path, env={"HERE": str(tmp_path)}, attach="seccomp") as calls:
        assert calls.wait().asked == 4

def test_asyncio(listenwatch):
    import asyncio
    async def main():
        with listenwatch.watch(python("socket.socket().listen(6); time.sleep(600)"), attach="seccomp") as calls:
            return await calls.wait_async()
    assert asyncio.run(main()).stored == 6
""").assert_outcomes(passed=3)  # fmt: skip


def test_assertions_read_well(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
def test_stored(listenwatch):
    with listenwatch.watch(python(f"socket.socket().listen({HUGE})"), attach="seccomp") as calls:
        call = calls.wait()
    assert call.stored >= HUGE, call.explain()

def test_ended(listenwatch):
    with listenwatch.watch(python("raise SystemExit(3)"), attach="seccomp") as calls:
        calls.wait(port=8080)

def test_no_command(listenwatch):
    with listenwatch.watch(["/no/such/server"]) as calls:
        calls.wait()
""")  # fmt: skip
    done.assert_outcomes(failed=3)
    done.stdout.fnmatch_lines([
        "E *AssertionError: asked 2147483647, stored *: clamped by net.core.somaxconn*",
        "E *where * = <listen(2147483647) by *>.stored",
        "E *Failed: the command ended with status 3 before a listen() on port 8080; no listen() was seen",
        "E *UsageError: cannot run '/no/such/server': No such file or directory",
    ])  # fmt: skip


def test_the_marker_counts_what_the_fixture_saw(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
@pytest.fixture
def server(listenwatch):
    with listenwatch.watch(python("socket.socket().listen(6); time.sleep(600)"), attach="seccomp") as calls:
        calls.wait()
        yield calls

@pytest.mark.listens(min_limit=6)
def test_enough(server): pass
@pytest.mark.listens(min_limit=7)
def test_too_little(server): pass
@pytest.mark.listens(min_limit=7)
def test_unwatched(): pass
""", "--strict-markers")  # fmt: skip
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines([
        "listenwatch: a listen() got less than min_limit=7: *asked 6, stored 6*",
        "2 listen(): 2 agree; 0 clamped, 0 failed",
        "1 test is marked 'listens' and was not watched: 'pytest --listenwatch' checks the marker",
    ])  # fmt: skip


def test_nothing_is_said_where_nothing_was_watched(pytester: pytest.Pytester) -> None:
    done = run(pytester, "def test_it(): listen(5)")
    done.assert_outcomes(passed=1)
    assert "listenwatch" not in done.stdout.str().split("plugins:")[-1].partition("\n")[2]


def test_what_is_not_used_is_not_imported() -> None:
    """pytest loads the plug-in for everybody who has it installed."""
    script = "import sys, listenwatch.pytest_plugin.plugin, listenwatch.pytest_plugin.hooks; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in modules if name.startswith("listenwatch.")}
    assert ours == {"listenwatch.errors", *(f"listenwatch.pytest_plugin{end}" for end in ("", ".plugin", ".hooks"))}
