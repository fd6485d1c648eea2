"""What the running system says of itself: read from its files, or tried."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import pytest

from listenwatch.features import attempts, evidence
from listenwatch.features.evidence import SYMBOLS, Evidence
from listenwatch.features.survey import survey
from listenwatch.linux.kallsyms import functions_listed
from listenwatch.linux.privileges import Privilege, own_privilege


def test_gathering_here_leaves_no_descriptor_open() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    here = Evidence()
    assert survey(here)
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert here.kernel.version >= (5, 10, 0)


@pytest.mark.parametrize(
    "attempt",
    [attempts.ring_buffer, attempts.fentry, attempts.lsm, attempts.mptcp],
    ids=lambda attempt: attempt.__name__,
)
def test_an_attempt_here_has_an_errno_or_a_note(attempt: Any) -> None:
    tried = attempt()
    assert tried.what
    assert tried.note if tried.error is None else tried.error >= 0


def test_a_tracepoint_that_does_not_exist_is_no_success() -> None:
    assert attempts.raw_tracepoint("listenwatch_nothing").error != 0
    assert attempts.tracepoint("syscalls/sys_enter_nothing").error != 0


def test_files_in_place_of_a_machine(tmp_path: Path) -> None:
    status = tmp_path / "proc/self/status"
    status.parent.mkdir(parents=True)
    status.write_text("Name:\tx\nCapEff:\t0000000000200000\n")
    (tmp_path / "proc/self/uid_map").write_text("         0     100000      65536\n")
    assert own_privilege(tmp_path) == Privilege(1 << 21, initial_user_namespace=False)
    (tmp_path / "proc/kallsyms").write_text(
        "0 T inet_listen\n0 T my_inet_hash\n0 T inet_hash.cold\n"
    )
    assert functions_listed(SYMBOLS, tmp_path) == frozenset({"inet_listen"})
    (tmp_path / "proc/kallsyms").write_text("")
    assert functions_listed(SYMBOLS, tmp_path) is None
    assert functions_listed(SYMBOLS, tmp_path / "nowhere") is None
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
    assert evidence.names_in(btf, ["io_listen"]) is None
    strings = b"\0io_listen\0"
    btf.write_bytes(struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, len(strings)) + strings)
    assert evidence.names_in(btf, ["io_listen", "listen"]) == frozenset({"io_listen"})
    assert evidence.is_there(btf, tmp_path) is True
    assert evidence.is_there(tmp_path / "other", tmp_path) is False
    assert evidence.is_there(tmp_path / "a/b", tmp_path / "a") is None
    lsm = tmp_path / "sys/kernel/security/lsm"
    lsm.parent.mkdir(parents=True)
    lsm.write_text("capability,landlock,bpf")
    assert evidence.bpf_lsm_active(tmp_path) is True
    lsm.write_text("capability,not-bpf")
    assert evidence.bpf_lsm_active(tmp_path) is False
