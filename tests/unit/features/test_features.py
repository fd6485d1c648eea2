"""Each answer follows from its evidence, and unknown is never taken for yes or no."""

from __future__ import annotations

import argparse
import errno
import json
from functools import cached_property
from typing import Any

import pytest

from listenwatch.commands import features as command
from listenwatch.features.answers import Answer, Feature, all_of, answer_of, known, tried
from listenwatch.features.attempts import Attempt
from listenwatch.features.evidence import KPROBE_AT_FTRACE, SYMBOLS, Evidence
from listenwatch.features.survey import behaviour_fields, survey
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.privileges import CAPABILITIES, Privilege

ALL = Privilege((1 << 41) - 1, initial_user_namespace=True)
NONE = Privilege(0, initial_user_namespace=True)
CONTAINER = Privilege((1 << 41) - 1, initial_user_namespace=False)
WORKED = Attempt("trying", 0)
REFUSED = Attempt("trying", errno.EPERM)
OFFERS: dict[str, Any] = {
    "kernel": Kernel("7.3.0", (7, 3, 0), "x86_64", {"inet6_hash": False, "__inet_listen_sk": True}),
    "euid": 0,
    "privilege": ALL,
    "btf": True,
    "btf_names_tracepoint": True,
    "btf_names": frozenset(SYMBOLS),
    "machine": "x86_64",
    "kprobe_pmu": True,
    "config": ({"CONFIG_KPROBES": "y"}, "/proc/config.gz"),
    "symbols": frozenset(SYMBOLS),
    "headers": "/lib/modules/7.3.0/build",
    "bcc": "/usr/lib/python3/dist-packages/bcc",
    "lsm_active": True,
    "ring_buffer": WORKED,
    "fentry": WORKED,
    "lsm": WORKED,
    "mptcp": WORKED,
    "seccomp": WORKED,
    "state_tracepoint": WORKED,
    "tracepoints": (WORKED, WORKED),
}
"""A kernel that offers everything to root."""


def kernel_offering(**changes: object) -> Evidence:
    """That kernel, with these differences."""
    return Evidence(**{**OFFERS, **changes})


RICH = kernel_offering()


def answers(evidence: Evidence) -> dict[str, Answer]:
    """Every answer by its name; hooks are prefixed, as one has the name of a feature."""
    return {f"{g}/{f.name}": f.answer for g, fs in survey(evidence).items() for f in fs}


def test_a_rich_kernel_answers_yes_throughout() -> None:
    assert set(answers(RICH).values()) == {Answer.YES}


@pytest.mark.parametrize(
    ("change", "name", "answer"),
    [
        ({"btf": False}, "kernel/BTF", Answer.NO),
        ({"btf": None}, "kernel/BTF", Answer.UNKNOWN),
        ({"kprobe_pmu": False}, "kernel/kprobes", Answer.NO),
        ({"kprobe_pmu": None}, "kernel/kprobes", Answer.UNKNOWN),
        ({"fentry": REFUSED}, "kernel/fentry", Answer.NO),
        ({"fentry": REFUSED, "privilege": NONE}, "kernel/fentry", Answer.UNKNOWN),
        ({"fentry": REFUSED, "privilege": CONTAINER}, "kernel/fentry", Answer.UNKNOWN),
        ({"fentry": Attempt("", 524)}, "kernel/fentry", Answer.NO),
        ({"fentry": Attempt("", errno.ENOMEM)}, "kernel/fentry", Answer.UNKNOWN),
        ({"fentry": Attempt("", None, "no libbpf")}, "kernel/fentry", Answer.UNKNOWN),
        ({"ring_buffer": Attempt("", errno.EINVAL)}, "kernel/ring buffer", Answer.NO),
        ({"mptcp": Attempt("", errno.EPROTONOSUPPORT)}, "kernel/MPTCP", Answer.NO),
        ({"symbols": frozenset()}, "kernel/io_uring listen", Answer.NO),
        ({"symbols": None}, "kernel/io_uring listen", Answer.UNKNOWN),
        ({"btf_names": frozenset()}, "kernel/32-bit callers", Answer.NO),
        ({"btf_names": None, "symbols": frozenset()}, "kernel/32-bit callers", Answer.NO),
        ({"btf_names": None, "symbols": None}, "kernel/32-bit callers", Answer.UNKNOWN),
        ({"symbols": None}, "hooks/inet_hash", Answer.UNKNOWN),
        ({"symbols": frozenset(SYMBOLS) - {"inet_hash"}}, "hooks/inet_hash", Answer.NO),
        ({"symbols": frozenset(SYMBOLS) - {"inet_hash"}}, "attach/kprobe", Answer.NO),
        ({"symbols": frozenset(SYMBOLS) - {"inet6_hash"}}, "attach/kprobe", Answer.YES),
        ({"symbols": None}, "attach/kprobe", Answer.UNKNOWN),
        ({"symbols": None}, "attach/tracepoint", Answer.YES),
        ({"kprobe_pmu": False}, "attach/fentry", Answer.YES),
        ({"fentry": REFUSED}, "attach/fentry", Answer.NO),
        ({"fentry": REFUSED}, "attach/kprobe", Answer.YES),
        ({"fentry": REFUSED, "privilege": CONTAINER}, "attach/fentry", Answer.UNKNOWN),
        ({"lsm_active": False}, "kernel/BPF LSM", Answer.NO),
        ({"lsm_active": None}, "kernel/BPF LSM", Answer.UNKNOWN),
        ({"lsm": REFUSED}, "kernel/BPF LSM", Answer.NO),
        ({"headers": ""}, "kernel/kernel headers", Answer.NO),
        (
            {"headers": "", "config": ({"CONFIG_IKHEADERS": "m"}, "/proc/config.gz")},
            "kernel/kernel headers",
            Answer.UNKNOWN,
        ),
        ({"bcc": ""}, "kernel/python3-bpfcc", Answer.NO),
        ({"btf_names_tracepoint": False}, "kernel/inet_sock_set_state", Answer.YES),
        (
            {"btf_names_tracepoint": False, "state_tracepoint": Attempt("", errno.ENOENT)},
            "attach/tracepoint",
            Answer.NO,
        ),
        ({"euid": 1000}, "privilege/root", Answer.NO),
        ({"privilege": NONE}, "privilege/CAP_BPF", Answer.NO),
    ],
)
def test_an_answer_follows_its_evidence(change: dict[str, Any], name: str, answer: Answer) -> None:
    assert answers(kernel_offering(**change))[name] is answer


@pytest.mark.parametrize(
    ("machine", "config", "answer"),
    [
        ("s390x", {"CONFIG_COMPAT": "y"}, Answer.YES),
        ("s390x", {}, Answer.NO),
        ("s390x", None, Answer.UNKNOWN),
    ],
)
def test_32_bit_callers_elsewhere(
    machine: str, config: dict[str, str] | None, answer: Answer
) -> None:
    evidence = kernel_offering(machine=machine, config=(config, "/proc/config.gz"))
    assert answers(evidence)["kernel/32-bit callers"] is answer


@pytest.mark.parametrize(("names", "answer"), [({"compat_arm_syscall"}, Answer.YES), ({"__ia32_sys_listen"}, Answer.NO)])
def test_32_bit_callers_of_arm64_are_known_by_its_own_function(names: set[str], answer: Answer) -> None:
    evidence = kernel_offering(machine="aarch64", btf_names=frozenset(names), config=(None, ""))
    assert answers(evidence)["kernel/32-bit callers"] is answer


@pytest.mark.parametrize(("machine", "answer"), [("riscv64", Answer.NO), ("x86_64", Answer.YES), ("aarch64", Answer.YES)])
def test_where_ftrace_changes_the_first_instruction_a_kprobe_may_not_stand_there(machine: str, answer: Answer) -> None:
    """But on its own: x86 is never without, and arm64 has its ftrace behind the first instruction."""
    with_it = answers(kernel_offering(machine=machine))
    without = answers(kernel_offering(machine=machine, symbols=frozenset(SYMBOLS) - {KPROBE_AT_FTRACE}))
    assert with_it["attach/kprobe"] is Answer.YES
    assert without["attach/kprobe"] is answer
    assert without["attach/fentry"] is Answer.YES
    assert without.get("kernel/kprobes at entries", Answer.YES) is answer


def test_evidence_has_no_other_sources() -> None:
    sources = {name for name, value in vars(Evidence).items() if isinstance(value, cached_property)}
    assert sources == set(OFFERS)
    with pytest.raises(AttributeError):
        kernel_offering(kprobe=True)


@pytest.mark.parametrize("privilege", [ALL, NONE], ids=["root", "nobody"])
def test_what_seccomp_takes_needs_no_privilege(privilege: Privilege) -> None:
    """A refusal is a no for everybody, not for want of privilege."""
    refused = kernel_offering(seccomp=REFUSED, privilege=privilege)
    assert answers(refused)["attach/seccomp"] is Answer.NO
    assert answers(kernel_offering(privilege=NONE))["attach/seccomp"] is Answer.YES


def test_every_answer_says_how_it_was_found_out() -> None:
    for evidence in (RICH, kernel_offering(symbols=None, config=(None, ""), btf=None, lsm_active=None)):
        for features in survey(evidence).values():
            assert all(feature.how for feature in features)


def test_an_errno_is_named_in_how() -> None:
    assert tried("x", Attempt("load", errno.EPERM), ALL).how == "load: EPERM"
    assert tried("x", Attempt("load", 524), ALL).how == "load: ENOTSUPP"
    assert tried("x", Attempt("load", errno.EPERM), NONE).how == "load: EPERM without privilege"


def test_unknown_keeps_a_sum_unknown_and_no_decides_it() -> None:
    yes, no, unknown = (Feature(a.value, a, "") for a in Answer)
    assert all_of("sum", [yes, yes]).answer is Answer.YES
    assert all_of("sum", [yes, unknown]) == Feature("sum", Answer.UNKNOWN, "not known: unknown")
    assert all_of("sum", [unknown, no, yes]) == Feature("sum", Answer.NO, "lacks no")
    assert answer_of([yes, yes]) is Answer.YES
    assert answer_of([yes, unknown]) is Answer.UNKNOWN
    rest = iter([unknown, no, yes])
    assert answer_of(rest) is Answer.NO
    assert list(rest) == [yes], "it asks no further than what decides"


def test_which_capabilities_are_enough() -> None:
    def holding(*names: str) -> Privilege:
        return Privilege(sum(1 << CAPABILITIES[name] for name in names), True)

    assert holding("CAP_SYS_ADMIN").may_use_bpf
    assert holding("CAP_BPF", "CAP_PERFMON").may_use_bpf
    assert not holding("CAP_BPF").may_use_bpf
    assert not holding("CAP_NET_ADMIN", "CAP_PERFMON").may_use_bpf
    assert not CONTAINER.may_use_bpf


def test_a_fact_that_cannot_be_read_is_unknown() -> None:
    assert known("x", None, "file") == Feature("x", Answer.UNKNOWN, "file: cannot be read")


def test_behaviour_names_its_evidence() -> None:
    fields = {field.name: field for field in behaviour_fields(RICH)}
    assert fields["ipv6_hash"].evidence == "BTF does not name inet6_hash"
    assert fields["mptcp_enters"].evidence == "BTF names __inet_listen_sk"
    assert fields["stored"].evidence == "release 7.3.0"
    no_btf = kernel_offering(kernel=Kernel("6.1.20", (6, 1, 20), "x86_64", {}))
    fields = {field.name: field for field in behaviour_fields(no_btf)}
    assert fields["ipv6_hash"] == ("ipv6_hash", "inet6_hash", "release 6.1.20")
    assert fields["ulp_without_clone_refused"].value == "yes"
    unread = kernel_offering(kernel=Kernel("5.10.300", (5, 10, 300), "x86_64", {}))
    fields = {field.name: field for field in behaviour_fields(unread)}
    assert fields["get_port_errno_passed_on"].value == "unknown"
    assert "not among the trees that were read" in fields["get_port_errno_passed_on"].evidence


def test_a_kernel_without_a_model_has_no_behaviour() -> None:
    old = kernel_offering(kernel=Kernel("4.19.0", (4, 19, 0), "x86_64", {}))
    (field,) = behaviour_fields(old)
    assert field.value == "unknown"
    assert "5.10" in field.evidence


# -- the command


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 0),
        ({"kprobe_pmu": False}, 0),
        ({"ring_buffer": REFUSED, "privilege": NONE}, 0),
        ({"ring_buffer": REFUSED}, 0),
        ({"ring_buffer": REFUSED, "seccomp": REFUSED}, 3),
        ({"btf": False, "seccomp": REFUSED}, 3),
    ],
)
def test_exit_status(change: dict[str, Any], status: int) -> None:
    assert command.exit_status(survey(kernel_offering(**change))) == status


def run(*arguments: str) -> int:
    """``listenwatch features`` with these arguments."""
    parser = argparse.ArgumentParser()
    command.build_parser(parser)
    return command.run(parser.parse_args(arguments))


def test_the_table_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() in (0, 3)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("auto ") for line in lines)


def test_json_has_every_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") in (0, 3)
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {
        "schema", "kernel", "features", "auto", "behaviour",
    }  # fmt: skip
    for group, features in survey(RICH).items():
        assert [f["name"] for f in printed["features"][group]] == [f.name for f in features]
    assert printed["auto"]["attach"] in ("kprobe", "fentry", "tracepoint")
