"""The standalone program's answers: read, judged as Linux and as gVisor, and the check can fail."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from listenwatch.conformance.standalone.answers import read_answers
from listenwatch.conformance.standalone.build import ARCHITECTURES, build
from listenwatch.conformance.standalone.compared import side_by_side
from listenwatch.conformance.standalone.judging import judge_answers
from listenwatch.conformance.standalone.running import answers_here, answers_in
from listenwatch.conformance.standalone.stacks import stack_of
from listenwatch.errors import ObserveError, RecordingError, UsageError
from listenwatch.model.behaviour import Behaviour
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.excuses import Excuse
from tests.helpers.answers import (
    GVISOR,
    LINUX,
    Line,
    changed,
    data_of,
    disagreeing,
    judged,
    lines_of,
    recorded,
)
from tests.require import require

# -- what was recorded


def test_linux_answers_as_its_model_says() -> None:
    judgement = judged(recorded(LINUX), None)
    summary = judgement.summary
    assert (judgement.stack.name, summary.disagree, summary.unmodelled) == ("Linux 6.18.44", 0, 0)
    assert summary.agree > 290
    unsure = [j for j in judgement.judged if j.verdict.kind is VerdictKind.INCONCLUSIVE]
    assert {j.verdict.excuse for j in unsure} == {Excuse.INPUT_NOT_SEEN}
    assert {getattr(j.answer, "case", "") for j in unsure if not j.is_limit_unseen} == {"disconnected", "refused"}
    assert all(getattr(j.answer, "family", 0) == 1 for j in unsure if j.is_limit_unseen)


def test_gvisor_answers_as_its_model_says() -> None:
    judgement = judged(recorded(GVISOR), "gvisor")
    assert judgement.summary.disagree == 0
    fills = [j for j in judgement.judged if type(j.answer).__name__ in ("Fill", "Written", "Default", "Shrunk")]
    assert len(fills) > 25 and {j.verdict.kind for j in fills} == {VerdictKind.AGREE}
    unsure = [j for j in judgement.judged if j.verdict.kind is not VerdictKind.AGREE]
    assert all(j.is_limit_unseen for j in unsure)
    assert [answer.case for answer in judgement.not_tried] == ["raw", "packet", "disconnected", "disconnected", "no-port-left"]


def test_gvisor_is_not_linux() -> None:
    """Neither the 4.4 that it calls itself, nor a newer one."""
    for release in (None, "6.18.44"):
        differing = disagreeing(judged(recorded(GVISOR), release))
        cases = {case for case, _ in differing}
        assert cases >= {"o-path", "refused", "shrink", "port-free-again", "unix-accepted", "fill-negative", "sysctl"}
        assert ("shrink", "result") in differing


def test_linux_is_not_gvisor() -> None:
    cases = {case for case, _ in disagreeing(judged(recorded(LINUX), "gvisor"))}
    assert cases >= {"o-path", "backlog", "refused", "shrink", "port-free-again", "unix-fill", "fill-negative", "sysctl"}


@pytest.mark.parametrize(("release", "differs"), [("4.19", {"sysctl"}), ("4.3", {"fill", "sysctl"}), ("3.19", {"backlog"}), ("6.1.192", set())])
def test_other_releases(release: str, differs: set[str]) -> None:
    """128 was the default until 5.4; a full accept queue kept no SYN out until 4.10; the limit had 16 bits until 4.1."""
    assert {case for case, _ in disagreeing(judged(recorded(LINUX), release))} >= differs
    if not differs:
        assert not disagreeing(judged(recorded(LINUX), release))


# -- the check can fail


def of(key: str, value: object, *, at: str | None = None) -> Callable[[Line], None]:
    def change(line: Line) -> None:
        (line[at] if at else line)[key] = value

    return change


WRONG: list[tuple[str, str, str | None, Callable[[Line], None], str]] = [
    (LINUX, "listen", "backlog", of("result", -22), "result"),
    (LINUX, "listen", "backlog", of("tcpi_sacked", 4095, at="post"), "max_ack_backlog"),
    (LINUX, "listen", "backlog", of("tcpi_state", 7, at="post"), "state"),
    (LINUX, "listen", "backlog", of("proc_lists", False, at="post"), "state"),
    (LINUX, "listen", "backlog", of("proc_queue", 1, at="post"), "ack_backlog"),
    (LINUX, "listen", "unbound-again", of("port", 1, at="post"), "local_port"),
    (LINUX, "listen", "unbound", of("port", 0, at="post"), "bound"),
    (LINUX, "listen", "port-conflict", of("result", 0), "result"),
    (LINUX, "listen", "no-port-left", of("result", 0), "result"),
    (LINUX, "listen", "pipe", of("result", -9), "result"),
    (LINUX, "listen", "o-path", of("result", 0), "result"),
    (LINUX, "listen", "udp", of("result", 0), "result"),
    (LINUX, "listen", "unix-bound-connected", of("result", 0), "result"),
    (LINUX, "listen", "shrink", of("result", -22), "result"),
    (LINUX, "fill", "fill", of("accepted", 0), "accepted"),
    (LINUX, "fill", "fill", of("queue", 0), "queue"),
    (LINUX, "fill", "fill", of("error", -104), "error"),
    (LINUX, "fill", "fill", of("ListenDrops", 0, at="counters"), "ListenDrops"),
    (LINUX, "fill", "unix-fill", of("connected", 0), "connected"),
    (LINUX, "shrunk", None, of("accepted", 7), "accepted"),
    (LINUX, "write", None, of("result", -22), "write 0"),
    (LINUX, "write", None, of("read", 5), "net.core.somaxconn"),
    (LINUX, "default", None, of("value", 128), "net.core.somaxconn"),
    (GVISOR, "listen", "shrink", of("result", 0), "result"),
    (GVISOR, "listen", "unix-accepted", of("result", -22), "result"),
    (GVISOR, "listen", "port-free-again", of("result", 0), "result"),
    (GVISOR, "fill", "fill-negative", of("accepted", 1024), "accepted"),
    (GVISOR, "write", None, of("result", 0), "write 0"),
    (GVISOR, "write", None, of("read", 0), "net.core.somaxconn"),
    (GVISOR, "default", None, of("value", 4096), "net.core.somaxconn"),
]


@pytest.mark.parametrize(("stack", "kind", "case", "change", "field"), WRONG)
def test_a_wrong_answer_is_a_disagreement(
    stack: str, kind: str, case: str | None, change: Callable[[Line], None], field: str
) -> None:
    data = changed(recorded(stack), change, case=case, kind=kind)
    ((_, differs),) = disagreeing(judged(data, GVISOR if stack == GVISOR else None))
    assert differs == field


# -- what is not seen is not guessed


def test_less_that_is_seen_is_no_disagreement() -> None:
    """A stranger's stack without TCP_INFO, /proc and sysctls: results and SO_ACCEPTCONN are left."""
    lines = lines_of(recorded(LINUX))
    for line in lines[1:]:
        for look in ("pre", "post"):
            if look in line:
                line[look] = {name: line[look][name] for name in ("accepts", "port", "has_name", "has_peer")}
        for name in ("somaxconn", "fastopen", "max_syn_backlog", "syncookies", "abort_on_overflow", "counters", "queue"):
            line.pop(name, None)
    judgement = judged(data_of(lines), "6.18.44")
    assert judgement.summary.disagree == 0 and judgement.summary.inconclusive > 200
    assert any(j.verdict.kind is VerdictKind.AGREE and j.answer.result == -98 for j in judgement.judged if hasattr(j.answer, "result"))


def test_what_took_long_proves_nothing() -> None:
    def slow(line: Line) -> None:
        line["accepted"], line["milliseconds"] = 0, 5000

    judgement = judged(changed(recorded(LINUX), slow, kind="fill", case="fill"), None)
    assert judgement.summary.disagree == 0
    assert Excuse.TOOK_LONG in {j.verdict.excuse for j in judgement.judged}


def test_counters_of_a_namespace_that_others_have_do_not_count() -> None:
    data = changed(recorded(LINUX), of("ListenDrops", 77, at="counters"), kind="fill", case="fill")
    lines = lines_of(data)
    lines[0]["namespace"] = "shared"
    assert judged(data_of(lines), None).summary.disagree == 0
    assert judged(data, None).summary.disagree == 1


def test_a_release_without_the_numbers_says_nothing_by_zero() -> None:
    """2.6.20's TCP_INFO has neither queue nor limit of a listener."""
    old, new = stack_of("2.6.20", read_answers(io.BytesIO(recorded(LINUX)), "a").header), judged(recorded(LINUX), "2.6.24").stack
    assert (old.shows_numbers, new.shows_numbers, old.path_is_file) == (False, True, True)
    assert isinstance(old.behaviour, Behaviour)


# -- damage


DAMAGED: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda data: b"", "answers:1: no answers of the conformance program"),
    (lambda data: b"hello\n", "answers:1: no answers of the conformance program"),
    (lambda data: data[: len(data) // 2], "not JSON"),
    (lambda data: b"".join(data.splitlines(keepends=True)[:-1]), "cut"),
    (lambda data: b"".join(data.splitlines(keepends=True)[1:]), "answers:1: not answers of schema listenwatch/answers/1"),
    (lambda data: data.replace(b"answers/1", b"answers/9"), "answers:1: not answers of schema"),
    (lambda data: data + data, "more follows the end"),
    (lambda data: data.replace(b'"kind": "listen"', b'"kind": "listens"', 1), "answers:2: no such kind: 'listens'"),
    (lambda data: data.replace(b'"asked": 5', b'"asked": "5"', 1), "answers:2: damaged (not a whole number: '5' @ $.asked)"),
    (lambda data: data.replace(b'"asked": 5', b'"asked": 99999999999', 1), "out of range"),
    (lambda data: data.replace(b'"asked": 5', b'"asked": 4294967295', 1), "no backlog of listen()"),
    (lambda data: data.replace(b'"asked": 5', b'"strange": 1, "asked": 5', 1), "not a key: strange"),
    (lambda data: data.replace(b'"asked": 5, ', b"", 1), "missing"),
    (lambda data: data.replace(b'"is_file": false', b'"is_file": 0', 1), "not true or false"),
    (lambda data: data.replace(b'"connected": 1,', b'"connected": 70000,', 1), "70000 of 2 connections"),
    (lambda data: b"".join(line for n, line in enumerate(data.splitlines(keepends=True)) if n != 5), "the end counts"),
    (lambda data: b"[" * 100_000 + data, "answers"),
    (lambda data: b"{" * 100_000 + b"\n" + data, "not JSON"),
]


@pytest.mark.parametrize(("damage", "what"), DAMAGED)
def test_damage_is_an_error_of_one_line(damage: Callable[[bytes], bytes], what: str) -> None:
    with pytest.raises(RecordingError) as error:
        read_answers(io.BytesIO(damage(recorded(LINUX))), "answers")
    assert what in str(error.value) and "\n" not in str(error.value)


def test_a_console_may_say_more() -> None:
    data = recorded(LINUX)
    noisy = b"[    0.000000] Linux version\r\n" + data.replace(b"\n", b"\r\n[ 1.0] random: crng init done\r\n", 3)
    assert judged(noisy, None).summary == judged(data, None).summary


@pytest.mark.parametrize(("text", "what"), [("7.x", "7.x"), ("2.4.0", "older than"), ("freebsd", "freebsd")])
def test_a_stack_that_is_not_known_is_an_error(text: str, what: str) -> None:
    header = read_answers(io.BytesIO(recorded(LINUX)), "answers").header
    with pytest.raises(UsageError, match=what):
        stack_of(text, header)


@pytest.mark.parametrize(("key", "value"), [("sysname", "FreeBSD"), ("release", "unknown")])
def test_answers_that_name_no_linux_want_to_be_told(key: str, value: str) -> None:
    lines = lines_of(recorded(LINUX))
    lines[0][key] = value
    answers = read_answers(io.BytesIO(data_of(lines)), "answers")
    with pytest.raises(UsageError, match="--as"):
        stack_of(None, answers.header)


# -- side by side


def test_where_a_program_would_notice() -> None:
    pairs = side_by_side(judged(recorded(LINUX), None), judged(recorded(GVISOR), "gvisor"))
    differing = {getattr(p.left.answer, "case", "sysctl") for p in pairs if p.differs and p.left}
    assert differing == {
        "o-path", "port-free-again", "refused", "shrink", "unix-bound-connected", "unix-accepted", "unix-fill",
        "fill-negative", "sysctl",
    }  # fmt: skip
    assert not any(p.differs for p in side_by_side(judged(recorded(LINUX), None), judged(recorded(LINUX), None)))


# -- the program


def _can_build() -> None:
    require("clang", all(map(shutil.which, ("clang", "ld.lld"))), "clang or lld is not installed")


def test_it_is_compiled_for_each_machine_and_needs_nothing(tmp_path: Path) -> None:
    _can_build()
    machines = {"x86_64": (2, 62), "i386": (1, 3), "aarch64": (2, 183)}  # elf.h: EI_CLASS, e_machine
    for name, program in zip(ARCHITECTURES, build(tmp_path), strict=True):
        data = program.read_bytes()
        assert data[:4] == b"\x7fELF" and (data[4], int.from_bytes(data[18:20], "little")) == machines[name]
        assert b"/lib" not in data and b"libc" not in data
        assert program.stat().st_mode & 0o111


def test_no_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ObserveError, match="no clang here: apt-get install clang"):
        build(tmp_path / "out")
    with pytest.raises(ObserveError, match="no runsc here"):
        answers_in("gvisor", tmp_path)


def test_a_compiler_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("clang", "ld.lld"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'conformance.c:1: error: no' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ObserveError, match=r"clang cannot make conformance.x86_64: conformance.c:1: error: no"):
        build(tmp_path / "out", ("x86_64",))


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    _can_build()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--build"):
        build(tmp_path / "file" / "out")


def test_it_runs_here_without_privilege(tmp_path: Path) -> None:
    """On any Linux: in the namespace it can get."""
    _can_build()
    file = answers_here(tmp_path)
    answers = read_answers(io.BytesIO(file.read_bytes()), "answers")
    judgement = judge_answers(answers, stack_of(None, answers.header))
    assert disagreeing(judgement) == []
    assert judgement.summary.agree > 100


def test_where_the_sources_name_their_place_in_the_documentation() -> None:
    """Each key of the format that the program prints is in the page that describes it."""
    page = (Path(__file__).parents[3] / "docs/pages/reference/answers.md").read_text()
    lines: list[dict[str, Any]] = lines_of(recorded(LINUX))
    keys = {key for line in lines for key in line} | {key for line in lines for look in ("pre", "post") for key in line.get(look, {})}
    assert {key for key in keys if f"`{key}`" not in page} == set()
    assert all(f"`{line['kind']}`" in page for line in lines[1:])


def test_the_example_in_the_documentation_is_judged() -> None:
    """What a stranger copies from the page is a file that can be judged as it stands."""
    page = (Path(__file__).parents[3] / "docs/pages/reference/answers.md").read_text()
    example = page.partition("```json\n")[2].partition("```")[0]
    judgement = judged(example.encode(), "6.1")
    assert (judgement.summary.agree, judgement.summary.judged) == (1, 1)
    assert disagreeing(judged(example.replace('"tcpi_sacked": 5', '"tcpi_sacked": 6').encode(), "6.1")) == [("mine", "max_ack_backlog")]


def test_a_strangers_stack() -> None:
    """Written from the page alone: a stack that is not Linux, whose harness sees results and counts connections."""
    lines: list[Line] = [
        {"schema": "listenwatch/answers/1", "sysname": "Mine", "release": "1", "version": "", "machine": "", "program": "harness", "namespace": "own"},
        {"kind": "listen", "case": "negative", "is_file": True, "is_socket": True, "family": 2, "type": 1, "protocol": 6, "asked": -1, "result": -22},
        {"kind": "fill", "case": "five", "family": 2, "type": 1, "protocol": 6, "asked": 5, "somaxconn": 128, "max_syn_backlog": 128,
         "syncookies": 1, "abort_on_overflow": 0, "attempted": 6, "connected": 5, "error": -115, "accepted": 5, "milliseconds": 3},
        {"kind": "end", "lines": 4},
    ]  # fmt: skip
    assert disagreeing(judged(data_of(lines), "6.1")) == [("five", "connected")]
    lines[2] |= {"attempted": 7, "connected": 6, "accepted": 6}
    assert disagreeing(judged(data_of(lines), "6.1")) == []
    lines[1] |= {"never_connected": True, "pre": {"accepts": 0, "port": 1}}
    assert disagreeing(judged(data_of(lines), "6.1")) == [("negative", "result")]
