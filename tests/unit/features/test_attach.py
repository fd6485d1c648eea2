"""How to attach: the same answers that ``listenwatch features`` prints decide it."""

from __future__ import annotations

import errno

import pytest

from listenwatch.bpf.programs import FUNCTIONS
from listenwatch.errors import ObserveError, UsageError
from listenwatch.features.answers import Answer
from listenwatch.features.attach import (
    ENGINES,
    OVERFLOW_MODES,
    choose_mode,
    choose_overflow_mode,
    entry_paths,
    modes_here,
    programs_for,
    refusal,
)
from listenwatch.features.attempts import Attempt
from listenwatch.features.evidence import KPROBE_AT_FTRACE, SYMBOLS, X32, Evidence
from listenwatch.features.survey import mode_features
from listenwatch.linux import privileges
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.privileges import Privilege
from listenwatch.model.inputs import EntryPath


def kernel_with(*, kprobes: bool | None = True, fentry: int | None = 0, lacks: str = "", machine: str = "x86_64") -> Evidence:
    """A kernel with kprobes or without, whose answer to an fentry program is this errno."""
    worked = Attempt("trying", 0)
    return Evidence(
        kernel=Kernel("7.3.0", (7, 3, 0), "x86_64", {}),
        privilege=Privilege((1 << 41) - 1, initial_user_namespace=True),
        btf=True,
        btf_names_tracepoint=True,
        btf_names=frozenset(SYMBOLS),
        machine=machine,
        kprobe_pmu=kprobes,
        config=(None, ""),
        symbols=frozenset(SYMBOLS) - {lacks},
        ring_buffer=worked,
        fentry=Attempt("trying", fentry, "no bpf(2) here" if fentry is None else ""),
        tracepoints=(worked, worked),
    )


@pytest.mark.parametrize(
    ("evidence", "modes", "why"),
    [
        (
            kernel_with(), ("kprobe", "fentry", "tracepoint"),
            "the kernel has kprobes, which see every stage",
        ),
        (
            kernel_with(fentry=errno.EPERM), ("kprobe", "tracepoint"),
            "the kernel has kprobes, which see every stage",
        ),
        (
            kernel_with(kprobes=False), ("fentry", "tracepoint"),
            "the kernel was built without kprobes; fentry sees the same stages",
        ),
        (
            kernel_with(kprobes=False, fentry=errno.EPERM), ("tracepoint",),
            "the kernel was built without kprobes and refuses fentry (EPERM); "
            "tracepoints see no hash stage, and slow every system call a little",
        ),
        (
            kernel_with(lacks="inet_hash"), ("tracepoint",),
            "the kernel has no function inet_hash; tracepoints see no hash stage, and slow every system call a little",
        ),
        (
            kernel_with(lacks=KPROBE_AT_FTRACE, machine="riscv64"), ("fentry", "tracepoint"),
            "the kernel takes no kprobe where a function begins; fentry sees the same stages",
        ),
        (
            kernel_with(kprobes=None, fentry=errno.EPERM), ("tracepoint",),
            "it is not known whether the kernel has kprobes (kprobe PMU in sysfs: cannot be read) and refuses "
            "fentry (EPERM); tracepoints see no hash stage, and slow every system call a little",
        ),
    ],
)  # fmt: skip
def test_auto_takes_the_richest_that_works(evidence: Evidence, modes: tuple[str, ...], why: str) -> None:
    assert modes_here(evidence) == modes
    assert choose_mode("auto", evidence=evidence) == (modes[0], why)
    assert [choose_mode(mode, evidence=evidence) for mode in modes] == [(mode, "asked for") for mode in modes]
    yes = [feature.name for feature in mode_features(evidence) if feature.answer is Answer.YES]
    assert tuple(yes) == modes


@pytest.mark.parametrize(
    ("capabilities", "error", "then"),
    [
        (0, errno.EPERM, "run it as root, or with "),
        (0, errno.EINVAL, "leave out --attach"),
        ((1 << 41) - 1, errno.EPERM, "leave out --attach"),
    ],
)
def test_a_mode_refused_for_lack_of_privilege_names_it(
    capabilities: int, error: int, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Privilege(capabilities, initial_user_namespace=True)
    monkeypatch.setattr(privileges, "own_privilege", lambda: held)
    with pytest.raises(ObserveError, match=f"fentry .*: {then}"):
        choose_mode("fentry", evidence=kernel_with(fentry=error))



@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("kprobe", "built without kprobes: use --attach tracepoint, or 'listenwatch guest"),
        ("fentry", r"refuses fentry \(ENOTSUPP\): leave out --attach"),
    ],
)
def test_a_mode_this_kernel_lacks_is_one_clear_line(mode: str, message: str) -> None:
    with pytest.raises(ObserveError, match=message) as raised:
        choose_mode(mode, evidence=kernel_with(kprobes=False, fentry=524))
    assert "\n" not in str(raised.value)


def test_what_could_not_be_tried_does_not_work() -> None:
    evidence = kernel_with(kprobes=False, fentry=None)
    assert modes_here(evidence) == ("tracepoint",)
    with pytest.raises(ObserveError, match=r"refuses fentry \(no bpf\(2\) here\)"):
        choose_mode("fentry", evidence=evidence)


def test_an_unknown_mode_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="choose from auto, kprobe, fentry, tracepoint"):
        choose_mode("uprobe")
    with pytest.raises(UsageError, match="choose from auto, kprobe, tracepoint"):
        choose_mode("fentry", ENGINES["bcc"])


def test_bcc_does_without_fentry() -> None:
    mode, why = choose_mode("auto", ENGINES["bcc"], kernel_with(kprobes=False))
    assert (mode, why) == ("tracepoint", "the kernel was built without kprobes; tracepoints see no hash stage, and slow every system call a little")


def test_only_what_a_mode_needs_is_asked() -> None:
    """Reading /proc/kallsyms takes longer than all the rest of the start."""
    evidence = Evidence(kprobe_pmu=False, config=(None, ""), privilege=kernel_with().privilege, fentry=Attempt("", 1))
    assert choose_mode("auto", evidence=evidence)[0] == "tracepoint"
    assert {p.kind for p in programs_for("tracepoint", evidence)} == {"tracepoint", "raw_tp"}
    assert not {"symbols", "kernel", "btf", "ring_buffer", "lsm"} & set(vars(evidence))


@pytest.mark.parametrize(
    ("mode", "engine", "fentry", "first"),
    [
        ("kprobe", "core", 0, {"fentry", "fexit"}),
        ("kprobe", "core", errno.EPERM, {"kprobe", "kretprobe"}),
        ("kprobe", "bcc", 0, {"kprobe", "kretprobe"}),
        ("tracepoint", "core", 0, {"tracepoint"}),
    ],
)
def test_a_call_begins_where_only_listen_pays(mode: str, engine: str, fentry: int, first: set[str]) -> None:
    programs = programs_for(mode, kernel_with(fentry=fentry), engine)
    assert {program.kind for program in programs[:2]} == first
    assert ("tracepoint" in {program.kind for program in programs}) == (mode == "tracepoint")


def test_a_function_by_itself_needs_only_the_mechanism() -> None:
    evidence = kernel_with(lacks="inet_hash")
    assert refusal("kprobe", evidence, functions=()) == ""
    assert refusal("kprobe", evidence) == "the kernel has no function inet_hash"
    assert refusal("kprobe", kernel_with(kprobes=False), functions=()) == "the kernel was built without kprobes"


# -- the overflow probe


def test_the_overflow_probe_says_why_it_has_no_kprobes() -> None:
    assert OVERFLOW_MODES == ("kprobe", "tracepoint")
    without = kernel_with(kprobes=False)
    assert choose_overflow_mode("auto", without) == ("tracepoint", "the kernel was built without kprobes")
    with pytest.raises(ObserveError, match="without kprobes: use --attach tracepoint"):
        choose_overflow_mode("kprobe", without)
    folded = kernel_with(lacks="tcp_check_req")
    assert choose_overflow_mode("auto", folded) == ("tracepoint", "the kernel has no function tcp_check_req")
    assert choose_overflow_mode("auto", kernel_with(lacks="cookie_v4_check")) == ("kprobe", "")
    assert choose_overflow_mode("auto", kernel_with()) == ("kprobe", "")
    assert choose_overflow_mode("tracepoint", kernel_with()) == ("tracepoint", "asked for")


# -- other ways to listen() than the native system call


@pytest.mark.parametrize(
    ("lacks", "expected"),
    [
        ((), {EntryPath.COMPAT, EntryPath.IO_URING}),
        (("io_listen",), {EntryPath.COMPAT}),
        (("__ia32_sys_listen",), {EntryPath.COMPAT, EntryPath.IO_URING}),  # x32 is left
        (("__ia32_sys_listen", X32), {EntryPath.IO_URING}),
        (("__ia32_sys_listen", X32, "io_listen"), set()),
    ],
)
def test_the_entry_paths_are_those_of_the_kernel(lacks: tuple[str, ...], expected: set[EntryPath]) -> None:
    evidence = kernel_with()
    vars(evidence)["btf_names"] = frozenset(SYMBOLS) - set(lacks)
    assert set(entry_paths(evidence)) == expected


def test_where_the_symbols_cannot_be_read_there_may_be_each_of_them() -> None:
    evidence = kernel_with()
    vars(evidence)["symbols"] = None
    assert set(entry_paths(evidence)) == {EntryPath.COMPAT, EntryPath.IO_URING}


def test_every_function_where_calls_begin_has_a_program() -> None:
    assert set(entry_paths(kernel_with()).values()) <= set(FUNCTIONS)
