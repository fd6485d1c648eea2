"""What the running system says of itself: read from its files, or tried."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from listenwatch import evidence
from listenwatch.answers import Privilege
from listenwatch.engines import attempts
from listenwatch.evidence import gather


def test_gathering_here_leaves_no_descriptor_open() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    seen = gather()
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert seen.kernel.version >= (5, 10, 0)


@pytest.mark.parametrize(
    "attempt",
    [attempts.ring_buffer, attempts.fentry, attempts.lsm, attempts.mptcp],
    ids=lambda attempt: attempt.__name__,
)
def test_an_attempt_here_has_an_errno_or_a_note(attempt: Any) -> None:
    found = attempt()
    assert found.what
    assert found.note if found.error is None else found.error >= 0


def test_a_tracepoint_that_does_not_exist_is_no_success() -> None:
    assert attempts.raw_tracepoint("listenwatch_nothing").error != 0
    assert attempts.tracepoint("syscalls/sys_enter_nothing").error != 0


def test_files_in_place_of_a_machine(tmp_path: Path) -> None:
    status = tmp_path / "proc/self/status"
    status.parent.mkdir(parents=True)
    status.write_text("Name:\tx\nCapEff:\t0000000000200000\n")
    (tmp_path / "proc/self/uid_map").write_text("         0     100000      65536\n")
    assert evidence.own_privilege(tmp_path) == Privilege(1 << 21, initial_user_namespace=False)
    (tmp_path / "proc/kallsyms").write_text(
        "0 T inet_listen\n0 T my_inet_hash\n0 T inet_hash.cold\n"
    )
    assert evidence.listed_symbols(tmp_path) == frozenset({"inet_listen"})
    (tmp_path / "proc/kallsyms").write_text("")
    assert evidence.listed_symbols(tmp_path) is None
    assert evidence.listed_symbols(tmp_path / "nowhere") is None
    text = b'# CONFIG_KPROBES is not set\nCONFIG_BPF=y\nCONFIG_LSM="a=b"\n'
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(text))
    config, source = evidence.kconfig(tmp_path, "7.3.0")
    assert (config, source) == ({"CONFIG_BPF": "y", "CONFIG_LSM": '"a=b"'}, "/proc/config.gz")
    assert evidence.kconfig(tmp_path / "nowhere", "7.3.0") == (None, "")


def test_where_headers_and_tracepoints_are_looked_for(tmp_path: Path) -> None:
    assert evidence.kernel_headers(tmp_path, "7.3.0") == ""
    (tmp_path / "lib/modules/7.3.0/build").mkdir(parents=True)
    assert evidence.kernel_headers(tmp_path, "7.3.0").endswith("lib/modules/7.3.0/build")
    btf = tmp_path / "vmlinux"
    assert not evidence.names_tracepoint(btf)
    btf.write_bytes(b"\0btf_trace_inet_sock_set_state\0")
    assert evidence.names_tracepoint(btf)
    assert evidence.is_there(btf, tmp_path) is True
    assert evidence.is_there(tmp_path / "other", tmp_path) is False
    assert evidence.is_there(tmp_path / "a/b", tmp_path / "a") is None
    lsm = tmp_path / "sys/kernel/security/lsm"
    lsm.parent.mkdir(parents=True)
    lsm.write_text("capability,landlock,bpf")
    assert evidence.bpf_lsm_active(tmp_path) is True
    lsm.write_text("capability,not-bpf")
    assert evidence.bpf_lsm_active(tmp_path) is False
