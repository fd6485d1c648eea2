"""Which programs a kernel gets: by attach mode, and by what its BTF says of its functions."""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path

import pytest

from listenwatch.engines import attempts, btf, programs
from listenwatch.engines.attempts import Attempt
from listenwatch.engines.programs import PROGRAMS, choose_mode, modes_here, stage_mask, trampolines
from listenwatch.errors import ObserveError, UsageError
from tests.require import require

TARGETS = {program.target for program in PROGRAMS if program.kind in ("kprobe", "kretprobe")}
REQUIRED = {program.target for program in PROGRAMS if program.required} & TARGETS
TWO = dict.fromkeys(TARGETS, 2)


def names(parameters: dict[str, int], symbols: set[str] = TARGETS) -> set[str]:
    """The programs of attach mode fentry on such a kernel."""
    return {program.name for program in trampolines(PROGRAMS, parameters, symbols)}


# -- fentry


def test_the_return_value_lies_behind_as_many_parameters_as_btf_counts() -> None:
    """inet_csk_listen_start takes a backlog until 5.16, and only the socket since 5.17."""
    assert "listen_start_return_fexit2" in names(TWO)
    newer = names(TWO | {"inet_csk_listen_start": 1})
    assert "listen_start_return_fexit1" in newer
    assert not {"listen_start_return_fexit2", "listen_start_return"} & newer
    assert "inet_listen_return_fexit2" in newer


def test_each_kprobe_has_its_trampoline_and_tracepoints_stay() -> None:
    found = trampolines(PROGRAMS, TWO, TARGETS)
    assert len(found) == len(PROGRAMS)
    assert {p.kind for p in found} == {"tracepoint", "raw_tp", "fentry", "fexit"}
    assert stage_mask(found) == stage_mask(PROGRAMS)


def test_the_compiled_probe_has_every_trampoline() -> None:
    probe = Path(programs.__file__).with_name("listen.bpf.o")
    require("probe", probe.exists(), "not compiled: run 'make setup'")
    compiled = probe.read_bytes()
    for parameters in (1, 2):
        for name in names(dict.fromkeys(TARGETS, parameters)):
            assert f"\0{name}\0".encode() in compiled, name


@pytest.mark.parametrize("target", sorted(TARGETS - REQUIRED))
def test_an_optional_function_is_left_out_where_the_kernel_lacks_it(target: str) -> None:
    without = {name: count for name, count in TWO.items() if name != target}
    by_btf = names(without)
    assert by_btf == names(TWO, TARGETS - {target}) == names(TWO | {target: 7})
    assert 1 <= len(names(TWO) - by_btf) <= 2


@pytest.mark.parametrize("target", sorted(REQUIRED))
@pytest.mark.parametrize("change", [{}, {"parameters": 3}])
def test_without_a_required_function_there_is_no_fentry(target: str, change: dict[str, int]) -> None:
    parameters = {name: count for name, count in TWO.items() if name != target}
    if change:
        parameters[target] = change["parameters"]
    with pytest.raises(ObserveError, match=rf"does not describe {target} .* --attach"):
        names(parameters)


def test_parameters_are_counted_in_btf(tmp_path: Path) -> None:
    require("clang", shutil.which("clang") is not None, "clang is not installed")
    source, compiled = tmp_path / "functions.c", tmp_path / "functions.o"
    source.write_text(
        "int none(void) { return 0; }\n"
        "int one(void *sk) { return !sk; }\n"
        "int two(void *sk, int backlog) { return !sk + backlog; }\n"
        "int variable_not_function = 1;\n"
    )
    subprocess.run(["clang", "-g", "-target", "bpf", "-c", source, "-o", compiled], check=True)
    wanted = ("none", "one", "two", "variable_not_function", "absent")
    assert btf.parameters(wanted, compiled) == {"none": 0, "one": 1, "two": 2}
    with pytest.raises(ObserveError, match="nowhere cannot be read"):
        btf.parameters(wanted, tmp_path / "nowhere")


# -- the choice


def kernel_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, kprobes: bool, fentry: int
) -> None:
    """A kernel with kprobes or without, whose answer to a fentry program is this errno."""
    pmu = tmp_path / "type"
    if kprobes:
        pmu.touch()
    monkeypatch.setattr(programs, "KPROBE_PMU", pmu)
    monkeypatch.setattr(attempts, "fentry", lambda: Attempt("trying", fentry))


@pytest.mark.parametrize(
    ("kprobes", "fentry", "modes", "why"),
    [
        (True, 0, ("kprobe", "fentry", "tracepoint"), "the kernel has kprobes, which see every stage"),
        (True, 1, ("kprobe", "tracepoint"), "the kernel has kprobes, which see every stage"),
        (
            False, 0, ("fentry", "tracepoint"),
            "the kernel was built without kprobes; fentry sees the same stages",
        ),
        (
            False, errno.EPERM, ("tracepoint",),
            "the kernel was built without kprobes and refuses fentry (EPERM); "
            "tracepoints see no hash stage",
        ),
    ],
)  # fmt: skip
def test_auto_takes_the_richest_that_works(
    kprobes: bool,
    fentry: int,
    modes: tuple[str, ...],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    kernel_with(monkeypatch, tmp_path, kprobes=kprobes, fentry=fentry)
    assert modes_here() == modes
    assert choose_mode("auto") == (modes[0], why)
    assert [choose_mode(mode) for mode in modes] == [(mode, "asked for") for mode in modes]


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("kprobe", "built without kprobes: use --attach tracepoint, or 'listenwatch guest"),
        ("fentry", r"refuses fentry \(ENOTSUPP\): leave out --attach"),
    ],
)
def test_a_mode_this_kernel_lacks_is_one_clear_line(
    mode: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel_with(monkeypatch, tmp_path, kprobes=False, fentry=524)
    with pytest.raises(ObserveError, match=message) as raised:
        choose_mode(mode)
    assert "\n" not in str(raised.value)


def test_what_could_not_be_tried_does_not_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel_with(monkeypatch, tmp_path, kprobes=False, fentry=0)
    monkeypatch.setattr(attempts, "fentry", lambda: Attempt("trying", None, "no bpf(2) here"))
    assert modes_here() == ("tracepoint",)
    with pytest.raises(ObserveError, match=r"refuses fentry \(no bpf\(2\) here\)"):
        choose_mode("fentry")


def test_an_unknown_mode_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="choose from auto, kprobe, fentry, tracepoint"):
        choose_mode("uprobe")
