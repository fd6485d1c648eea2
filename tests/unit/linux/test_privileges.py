"""What is said where a capability is missing, and giving capabilities up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from listenwatch.linux import privileges
from listenwatch.linux.privileges import (
    ATTACH,
    CAPABILITIES,
    COMMANDS,
    Privilege,
    own_privilege,
    remedy,
    to_attach,
)

EVERY = Privilege(-1, initial_user_namespace=True)


def holding(*names: str) -> Privilege:
    return Privilege(sum(1 << CAPABILITIES[name] for name in names), initial_user_namespace=True)


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (EVERY, ""),
        (holding(*ATTACH), ""),
        (holding(), "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH"),
        (holding("CAP_BPF", "CAP_PERFMON"), "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH"),
        (EVERY._replace(initial_user_namespace=False), "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_DAC_R"),
    ],
)
def test_what_is_missing_is_named(held: Privilege, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "own_privilege", lambda: held)
    assert remedy(ATTACH).startswith(text) and bool(remedy(ATTACH)) == bool(text)
    if text:
        assert remedy(["CAP_SYS_ADMIN"]) == "run it as root, or with CAP_SYS_ADMIN"


def test_without_proc_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Privilege:
        raise FileNotFoundError

    monkeypatch.setattr(privileges, "own_privilege", missing)
    assert "CAP_BPF" in remedy(ATTACH)


@pytest.mark.parametrize(
    ("paranoid", "needed"),
    [
        ("-1\n", ATTACH),
        ("2\n", ATTACH),
        ("3\n", ("CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN")),  # Debian
        ("4\n", ("CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN")),  # Ubuntu
        ("", ATTACH),
        (None, ATTACH),
    ],
)
def test_where_perf_is_for_the_administrator_it_takes_the_administrators(
    paranoid: str | None, needed: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "proc/sys/kernel/perf_event_paranoid"
    if paranoid is not None:
        file.parent.mkdir(parents=True)
        file.write_text(paranoid)
    assert to_attach(tmp_path) == needed


def test_every_capability_named_has_a_number() -> None:
    names = {name for needs in COMMANDS.values() for name in (*needs.needed, *needs.more)}
    assert names <= set(CAPABILITIES)
    assert len(set(CAPABILITIES.values())) == len(CAPABILITIES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
def test_what_is_given_up_is_gone_but_not_for_a_command() -> None:
    script = """if True:
        import subprocess
        from listenwatch.linux.privileges import keep_only
        def status(who):
            lines = open(f"/proc/{who}/status").read().splitlines()
            return [int(line.split()[1], 16) for line in lines if line[:6] in ("CapPrm", "CapEff")]
        before, sleeping = status("self"), subprocess.Popen(["sleep", "60"])
        keep_only(["CAP_BPF", "CAP_KILL"])
        print(before, status("self"), status(sleeping.pid))
        sleeping.kill()
        keep_only(["CAP_BPF", "CAP_PERFMON"])  # one was given up before: it stays so
        print(status("self"))"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    kept, both = 1 << CAPABILITIES["CAP_BPF"], holding("CAP_BPF", "CAP_KILL").capabilities
    before = [own_privilege().capabilities] * 2
    assert done.stdout == f"{before} {[both] * 2} {before}\n{[kept] * 2}\n"
