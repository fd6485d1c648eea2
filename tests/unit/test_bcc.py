"""Engine bcc: what it needs and how it says so, and the text it has compiled."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from listenwatch.engines import bcc, bcc_package, btf
from listenwatch.engines.bcc import (
    PROBES,
    check_headers,
    compile_error,
    mptcp_first,
    source,
)
from listenwatch.engines.bcc_package import captured_stderr, find_package, load_package, said
from listenwatch.engines.choose import open_engine
from listenwatch.engines.engine import new_config
from listenwatch.engines.programs import PROGRAMS
from listenwatch.errors import ObserveError, UsageError


def message(error: ObserveError) -> str:
    """Its one line."""
    text = str(error)
    assert "\n" not in text
    return text


# -- what is missing


def test_only_the_distributions_package_is_bcc(tmp_path: Path) -> None:
    assert find_package(tmp_path) is None
    elsewhere = tmp_path / "usr/local/lib/python3.11/site-packages/bcc"
    elsewhere.mkdir(parents=True)
    (elsewhere / "libbcc.py").touch()
    assert find_package(tmp_path) is None
    folder = tmp_path / "usr/lib/python3/dist-packages/bcc"
    folder.mkdir(parents=True)
    assert find_package(tmp_path) is None  # without libbcc it is another package of that name
    (folder / "libbcc.py").touch()
    assert find_package(tmp_path) == folder


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, bcc_package._NAME, raising=False)
    monkeypatch.setattr(bcc_package, "PLACES", ())
    with pytest.raises(ObserveError, match=r"apt install python3-bpfcc.*never 'pip install bcc'") as e:
        load_package()
    message(e.value)


def test_a_package_that_does_not_load_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "__init__.py").write_text("raise OSError('libbcc.so.0: no such file')")
    monkeypatch.delitem(sys.modules, bcc_package._NAME, raising=False)
    monkeypatch.setattr(bcc_package, "find_package", lambda: tmp_path)
    with pytest.raises(ObserveError, match=r"libbcc.so.0: no such file.*--reinstall") as e:
        load_package()
    message(e.value)
    assert bcc_package._NAME not in sys.modules


def test_missing_headers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BCC_KERNEL_SOURCE", raising=False)
    with pytest.raises(ObserveError, match=r"apt install linux-headers-7.3.0'.*--engine core") as e:
        check_headers("7.3.0", tmp_path)
    message(e.value)
    kheaders = tmp_path / "sys/kernel/kheaders.tar.xz"
    kheaders.parent.mkdir(parents=True)
    kheaders.touch()
    check_headers("7.3.0", tmp_path)
    kheaders.unlink()
    (tmp_path / "lib/modules/7.3.0/build").mkdir(parents=True)
    check_headers("7.3.0", tmp_path)


def test_a_missing_probe_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bcc, "PROBES", tmp_path)
    with pytest.raises(ObserveError, match=r"listen\.bcc\.c is missing"):
        source(PROGRAMS, new_config(PROGRAMS, follow=False))


@pytest.mark.parametrize(
    ("output", "euid", "advice"),
    [
        ("a.h:1:2: error: one\nb.h:3:4: fatal error: two\n", 0, "(2 errors): use --engine core; --verb"),
        ("a.h:1:2: warning: odd\nmain.c:5:6: error: one\n", 1000, "(1 error): use --engine core; --verb"),
        ("could not open bpf map: ring, error: Invalid argument\n", 0, "maps: use --engine core"),
        ("could not open bpf map: ring, error: Operation not permitted\n", 1000, "maps: run it as root"),
    ],
)
def test_what_the_compiler_says_is_kept_for_verbose(
    output: str, euid: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    error = compile_error(output)
    assert advice in message(error)
    assert error.log == output


def test_bcc_has_no_fentry() -> None:
    with pytest.raises(UsageError, match="choose from auto, kprobe, tracepoint"):
        open_engine("bcc", "fentry")


# -- what is compiled


def test_each_program_has_its_function_and_its_logic() -> None:
    text = source(PROGRAMS, new_config(PROGRAMS, follow=True))
    hooks = (PROBES / "hooks.h").read_text()
    for program in PROGRAMS:
        (function,) = re.findall(rf"int {program.name}\(.*\{{.*\}}", text)
        assert f"run_{program.name}(ctx)" in function
        assert ("pt_regs" in function) == (program.kind in ("kprobe", "kretprobe"))
        assert re.search(
            rf"^(ENTRY1|ENTRY2|RETURN|TRACEPOINT|RAW_TRACEPOINT)\(.*\b{program.name}\b", hooks, re.M
        ), program.name
    some = source(PROGRAMS[:3], new_config(PROGRAMS[:3], follow=True))
    assert len(re.findall(r"^int \w+\(", some, re.M)) == 3


def test_the_constants_are_in_the_text() -> None:
    config = new_config(PROGRAMS[:3], follow=True)
    text = source(PROGRAMS[:3], config)
    assert f"LISTEN_CONFIG {{ {config.marker_backlog}, 1, {1 << 5 | 1 << 7}, 0 }}" in text
    assert f"LISTEN_MPTCP_FIRST ({mptcp_first()})" in text


def test_without_btf_the_subflow_is_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(btf, "VMLINUX", tmp_path / "vmlinux")
    assert mptcp_first() == -1


# -- the terminal stays clean


def test_what_a_library_writes_to_descriptor_2_is_captured(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as output:
        os.write(2, b"from C\n")
        subprocess.run(["sh", "-c", "echo from a child >&2"], check=True)
        assert said(output) == "from C\nfrom a child\n"
    print("afterwards", file=sys.stderr)
    assert capfd.readouterr().err == "afterwards\n"
