"""Engine bcc: what it needs and how it says so, and the text it has compiled."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from listenwatch.bpf import bcc_package, marker, package_data
from listenwatch.bpf.bcc import check_headers, compile_error, mptcp_first, source
from listenwatch.bpf.bcc_package import captured_stderr, find_package, load_package, written_to
from listenwatch.bpf.engine import Config, new_config
from listenwatch.bpf.programs import PROGRAMS, SYSTEM_CALL_FUNCTION, BpfProgram, at_tracepoints
from listenwatch.errors import ObserveError, UsageError
from listenwatch.features.attach import open_engine
from listenwatch.linux import btf, privileges
from listenwatch.linux.privileges import Privilege
from tests import ROOT
from tests.require import require


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


def test_a_missing_source_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(package_data, "_PACKAGE", tmp_path)
    missing = pytest.raises(ObserveError, match=r"missing: run 'make setup', or use --engine core")
    with missing as e:
        package_data.bcc_source()
    message(e.value)


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
    held = Privilege(0 if euid else -1, initial_user_namespace=True)
    monkeypatch.setattr(privileges, "own_privilege", lambda: held)
    error = compile_error(output)
    assert advice in message(error)
    assert error.log == output


def test_bcc_has_no_fentry() -> None:
    with pytest.raises(UsageError, match="choose from auto, kprobe, tracepoint"):
        open_engine("bcc", "fentry")


# -- what is compiled


PROBES = ROOT / "probes"


def text_of(programs: Sequence[BpfProgram], config: Config) -> str:
    """What bcc is given for these programs."""
    return source(PROBES, programs, config)


def test_every_header_is_in_the_package() -> None:
    built = (Path(package_data.__file__).parent / "source").is_dir()
    require("probe", built, "not built: run 'make setup'")
    files = {path.name: path.read_text() for path in package_data.bcc_source().iterdir()}
    included = {name for text in files.values() for name in re.findall(r'^#include "(.*)"', text, re.M)}
    assert included == set(files) - {"listen.bcc.c"}
    assert all(text == (PROBES / name).read_text() for name, text in files.items())


def test_each_program_has_its_function_and_its_logic() -> None:
    text = text_of(PROGRAMS, new_config(PROGRAMS, follow=True))
    hooks = "".join((PROBES / name).read_text() for name in ("entry_paths.h", "hooks.h"))
    hooks = hooks.replace("_OF(NATIVE_LISTEN", f"({SYSTEM_CALL_FUNCTION}")
    for program in PROGRAMS:
        (function,) = re.findall(rf"int {program.name}\(.*\{{.*\}}", text)
        assert f"run_{program.name}(ctx)" in function
        assert ("pt_regs" in function) == (program.kind in ("kprobe", "kretprobe"))
        name = program.target.rpartition("/")[2]
        made_by = "ENTRY.|RETURN" if program.kind in ("kprobe", "kretprobe") else "(RAW_)?TRACEPOINT"
        assert re.search(rf"^({made_by})\((\w+, )?{name}\b", hooks, re.M), program.name
    some = text_of(PROGRAMS[:3], new_config(PROGRAMS[:3], follow=True))
    assert len(re.findall(r"^int \w+\(", some, re.M)) == 3


def test_the_constants_are_in_the_text() -> None:
    programs = at_tracepoints(PROGRAMS)
    config = new_config(programs, follow=True)
    text = text_of(programs, config)
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    numbers = f"{namespace}, {os.getpid()}, {marker.FD}, {marker.BACKLOG}, 1, {1 << 5 | 1 << 7}, 0"
    assert re.search(rf"LISTEN_CONFIG {{ \d+, {numbers} }}", text)
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
        assert written_to(output) == "from C\nfrom a child\n"
    print("afterwards", file=sys.stderr)
    assert capfd.readouterr().err == "afterwards\n"
