"""``pytest --listenwatch``: a whole session watched, run by pytest itself in a project of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from listenwatch.pytest_plugin.session_client import FOLDER
from listenwatch.report.tested import not_afresh_text
from tests.helpers.plugin import PROJECT, needs_seccomp

pytest_plugins = ["pytester"]
PATIENCE = 60
SEND = {signal.SIGTERM: os.kill, signal.SIGINT: os.killpg}
"""Ctrl-C goes to all that run in a terminal's foreground, which here are those of a session of their own."""


@pytest.fixture(autouse=True)
def _able(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_seccomp()
    monkeypatch.delenv(FOLDER, raising=False)


def run(pytester: pytest.Pytester, tests: str, *options: str, fail_on: str = "") -> pytest.RunResult:
    """A session of these tests."""
    pytester.makepyfile(test_it=PROJECT + tests)
    settings = ("-o", f"listenwatch_fail_on={fail_on}") if fail_on else ()
    return pytester.runpytest_subprocess("--listenwatch", *settings, *options, timeout=PATIENCE)


MANY = """
def test_kept(): listen(5)
def test_clamped(): listen(HUGE)
def test_child(): subprocess.run(python("socket.socket().listen(7)"), check=True)
def test_fails():
    listen(HUGE)
    assert False
def test_refused():
    with pytest.raises(OSError):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).listen(5)
@pytest.mark.listens(min_limit=6)
def test_too_small(): listen(5)
@pytest.mark.listens(clamped=True)
def test_wants_it(): listen(HUGE)
@pytest.mark.listens
def test_nothing(): pass
@pytest.mark.listens
def test_skipped(): pytest.skip("not today")
@pytest.mark.listens(limit=6)
def test_mistake(): listen(5)
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one-process", "xdist"])
def test_a_session(options: tuple[str, ...], pytester: pytest.Pytester) -> None:
    done = run(pytester, MANY, "--junitxml=junit.xml", *options, fail_on="clamped,failed")
    done.assert_outcomes(passed=3, failed=6, skipped=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    text = done.stdout.str()
    assert re.search(r"listenwatch: a listen\(\) was clamped: \S.*\[\d+\] asked 2147483647, stored \d+: clamped by net.core.somaxconn "
                     r"\(127.0.0.1:\d+\); net.core.somaxconn is \d+ in its network namespace: sysctl -w net.core.som", text)  # fmt: skip
    assert "a listen() failed: " in text and "EOPNOTSUPP" in text
    assert "a listen() got less than min_limit=6: " in text
    assert "no listen() that succeeded was seen in this test" in text
    assert "the marker 'listens' takes min_limit=" in text
    assert "8 listen(): 8 agree; 3 clamped, 1 failed, 0 lost (attach mode seccomp)" in text
    assert "outside any test" not in text
    cases = {case.get("name"): case for case in ET.parse("junit.xml").iter("testcase")}
    properties = {name: [p.get("value") for p in case.iter("property")] for name, case in cases.items()}
    assert "asked 7, stored 7" in str(properties["test_child"]) and properties["test_nothing"] == []
    failure = cases["test_clamped"].find("failure")
    assert failure is not None and "net.core.somaxconn" in str(failure.get("message"))


def test_by_default_only_a_disagreement_fails(pytester: pytest.Pytester) -> None:
    done = run(pytester, "def test_clamped(): listen(HUGE)", "-p", "no:terminalreporter")
    assert done.ret == 0


def test_a_call_of_no_test_fails_the_session(pytester: pytest.Pytester) -> None:
    done = run(pytester, "listen(HUGE)\ndef test_it(): pass", fail_on="clamped")
    done.assert_outcomes(passed=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*asked 2147483647*  outside any test", "the session fails for calls outside any test, *"])


def test_nothing_was_seen(pytester: pytest.Pytester) -> None:
    done = run(pytester, "def test_it(): pass", fail_on="clamped")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["no listen() was seen, 0 lost (attach mode seccomp)"])


def test_calls_of_fixtures_and_of_threads_are_the_test_s(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
import asyncio, threading
@pytest.fixture
def server():
    listen(11)
    yield
    listen(HUGE)
@pytest.mark.listens
def test_fixture(server): pass
@pytest.mark.listens
def test_thread():
    thread = threading.Thread(target=listen, args=(12,))
    thread.start()
    thread.join()
@pytest.mark.listens(min_limit=13)
def test_asyncio():
    async def main():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, backlog=13)
        server.close()
    asyncio.run(main())
""", fail_on="clamped")  # fmt: skip
    done.assert_outcomes(passed=3, errors=1)  # the fixture's end
    done.stdout.fnmatch_lines(["*ERROR at teardown of test_fixture*", "listenwatch: a listen() was clamped: *"])


def test_the_fixture_in_a_watched_session(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
@pytest.mark.listens(clamped=True)
def test_it(listenwatch):
    listen(3)
    with listenwatch.watch(python(f"socket.socket().listen({HUGE}); time.sleep(600)")) as calls:
        call = calls.wait()
        assert call.clamped and call.agrees and call.pid == calls.process.pid
        assert call.predict(somaxconn=100).stored == 100
    assert len(calls) == 1
    with listenwatch.watch(python("socket.socket().listen(4); socket.socket().listen(5)")) as calls:
        assert [calls.wait().asked, calls.wait().asked] == [4, 5]
        with pytest.raises(pytest.fail.Exception, match="ended with status 0"):
            calls.wait()
    assert [call.asked for call in calls] == [4, 5]
""", fail_on="clamped")  # fmt: skip
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["4 listen(): 4 agree; 1 clamped, *"])


# -- the process above


@pytest.mark.parametrize(("tests", "status"), [("def test_it(): assert False", 1), ("", 5), ("import os; os._exit(77)", 77)])
def test_the_status_is_pytest_s(tests: str, status: int, pytester: pytest.Pytester) -> None:
    assert run(pytester, tests).ret == status


def test_a_signal_ends_both(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="import os, time\ndef test_it():\n    os.write(1, b'begun\\n'); time.sleep(600)")
    line = [sys.executable, "-m", "pytest", "--listenwatch", "-s", "-p", "no:cacheprovider"]
    for number, status in ((signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, int(pytest.ExitCode.INTERRUPTED))):
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
            assert process.stdout
            while "begun" not in (text := process.stdout.readline().decode()):
                assert text
            SEND[number](process.pid, number)
            out, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == status, out


def test_called_from_within_a_program(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    done = pytester.runpytest_inprocess("--listenwatch")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert not_afresh_text() in done.stderr.str()


def test_a_session_within_a_session_is_part_of_it(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
def test_inner(tmp_path):
    listen(5)
    tmp_path.joinpath("test_inner.py").write_text("import socket\\ndef test(): socket.socket().listen(6)")
    line = [sys.executable, "-m", "pytest", "--listenwatch", "-p", "no:cacheprovider", str(tmp_path)]
    out = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "1 listen(): 1 agree" in out, out
""")  # fmt: skip
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["2 listen(): 2 agree*"])


def test_a_wrong_setting_is_one_line(pytester: pytest.Pytester) -> None:
    done = run(pytester, "", fail_on="clampd")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: listenwatch_fail_on: nothing to fail on: 'clampd': did you mean 'clamped'?*"])
