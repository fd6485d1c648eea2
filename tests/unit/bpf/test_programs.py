"""Which programs a kernel gets: by attach mode, and by what its BTF says of its functions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from listenwatch.bpf import package_data
from listenwatch.bpf.programs import (
    FUNCTIONS,
    PROGRAMS,
    REQUIRED_FUNCTIONS,
    SYSTEM_CALL,
    SYSTEM_CALL_FUNCTION,
    at_system_call,
    at_tracepoints,
    present,
    stage_mask,
    trampolines,
)
from listenwatch.errors import ObserveError
from listenwatch.linux.btf import Btf
from tests.require import require

TARGETS = set(FUNCTIONS)
REQUIRED = set(REQUIRED_FUNCTIONS)
TWO = dict.fromkeys(TARGETS, 2)


def names(parameters: dict[str, int], symbols: set[str] = TARGETS) -> set[str]:
    """The programs of attach mode fentry on such a kernel."""
    return {program.name for program in trampolines(PROGRAMS, parameters, symbols)}


# -- kprobe and tracepoint


def test_a_kernel_gets_what_it_has_the_functions_for() -> None:
    assert present(PROGRAMS, TARGETS) == PROGRAMS
    least = present(PROGRAMS, ())
    assert {p.target for p in least if p.kind in ("kprobe", "kretprobe")} == REQUIRED
    assert set(at_tracepoints(PROGRAMS)) < set(least)
    assert {p.kind for p in at_tracepoints(PROGRAMS)} == {"tracepoint", "raw_tp"}
    without = present(PROGRAMS, TARGETS - {"inet6_hash"})
    assert {p.name for p in PROGRAMS} - {p.name for p in without} == {"inet6_hash_entry"}
    assert stage_mask(without) == stage_mask(PROGRAMS)


# -- where a native call begins and ends


def test_a_call_begins_at_its_function_and_no_other_system_call_pays() -> None:
    chosen = at_system_call(PROGRAMS, trampoline=False)
    assert not {p.kind for p in chosen} & {"tracepoint"}
    assert [p.name for p in chosen[:2]] == [f"{SYSTEM_CALL_FUNCTION}_entry", f"{SYSTEM_CALL_FUNCTION}_return"]
    assert all(p.required for p in chosen[:2])  # without them there is no record
    assert set(chosen[2:]) == set(PROGRAMS[2:]) - set(SYSTEM_CALL)


def test_a_trampoline_sees_every_return_however_many_calls_are_under_way() -> None:
    begins, ends = at_system_call(PROGRAMS, trampoline=True)[:2]
    assert (begins.name, begins.kind) == (f"{SYSTEM_CALL_FUNCTION}_fentry", "fentry")
    assert (ends.name, ends.kind) == (f"{SYSTEM_CALL_FUNCTION}_fexit1", "fexit")


def test_without_that_function_the_tracepoints_stay() -> None:
    chosen = present(PROGRAMS, TARGETS - {SYSTEM_CALL_FUNCTION})
    assert at_system_call(chosen, trampoline=True) == chosen
    assert chosen[:2] == SYSTEM_CALL


ELSEWHERE = """if True:
    import os, types
    os.uname = lambda: types.SimpleNamespace(machine="s390x")
    from listenwatch.bpf.programs import PROGRAMS, SYSTEM_CALL, at_system_call, present
    chosen = present(PROGRAMS, {"__s390x_sys_listen"})
    assert chosen[:2] == SYSTEM_CALL and at_system_call(chosen, trampoline=True) == chosen"""


def test_a_machine_whose_function_is_not_known_keeps_the_tracepoints() -> None:
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


# -- fentry


def test_the_return_value_lies_behind_as_many_parameters_as_btf_counts() -> None:
    """inet_csk_listen_start takes a backlog until 5.16, and only the socket since 5.17."""
    assert "inet_csk_listen_start_fexit2" in names(TWO)
    newer = names(TWO | {"inet_csk_listen_start": 1})
    assert "inet_csk_listen_start_fexit1" in newer
    assert not {"inet_csk_listen_start_fexit2", "inet_csk_listen_start_return"} & newer
    assert "inet_listen_fexit2" in newer


def test_each_kprobe_has_its_trampoline_and_tracepoints_stay() -> None:
    chosen = trampolines(PROGRAMS, TWO, TARGETS)
    assert len(chosen) == len(PROGRAMS)
    assert {p.kind for p in chosen} == {"tracepoint", "raw_tp", "fentry", "fexit"}
    assert stage_mask(chosen) == stage_mask(PROGRAMS)


def test_the_compiled_probe_has_every_trampoline() -> None:
    require("probe", package_data.is_compiled("listen"), "not compiled: run 'make setup'")
    compiled = package_data.read_object("listen")
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


def test_what_btf_says_of_functions_and_structures(tmp_path: Path) -> None:
    require("clang", shutil.which("clang") is not None, "clang is not installed")
    source, compiled = tmp_path / "functions.c", tmp_path / "functions.o"
    source.write_text(
        "int none(void) { return 0; }\n"
        "int one(void *sk) { return !sk; }\n"
        "int two(void *sk, int backlog) { return !sk + backlog; }\n"
        "int variable_not_function = 1;\n"
        "struct pair { int first; void *second; } pair;\n"
    )
    subprocess.run(["clang", "-g", "-target", "bpf", "-c", source, "-o", compiled], check=True)
    section = compiled.read_bytes()
    btf = Btf(section[section.index(b"\x9f\xeb\x01") :])
    wanted = ("none", "one", "two", "variable_not_function", "absent")
    assert btf.parameters(wanted) == {"none": 0, "one": 1, "two": 2}
    assert btf.offset("pair", "second") == 8
    assert btf.offset("pair", "third") is btf.offset("one", "sk") is None
    with pytest.raises(ObserveError, match="nowhere cannot be read: No such file"):
        Btf.read(tmp_path / "nowhere")
