"""Guests without a guest: apt's answers read, kernels chosen, scripts and errors written."""

from __future__ import annotations

import io
import lzma
import os
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from listenwatch.guests import (
    GuestError,
    accel,
    apt,
    boot,
    image,
    initramfs,
    kernels,
    machine,
    mounts,
    script,
)
from listenwatch.guests.apt import (
    Mirror,
    find_mirror,
    first_complaint,
    kept_settings,
    parse_targets,
    sources_list,
)
from listenwatch.guests.architectures import own
from listenwatch.guests.booting import Booting

MAIN, SECURITY = "http://mirror.example/debian", "http://mirror.example/debian-security"

TARGETS = f"""\
Docker|Docker CE|http://other.example/linux/debian/|bookworm
Debian|Debian-Security|{SECURITY}/|bookworm-security
Debian|Debian|{MAIN}/|bookworm
"""

MADISON = f"""\
linux-image-amd64 | 7.3.4-1~bpo13+1 | {MAIN} trixie-backports/main amd64 Packages
linux-image-amd64 |   7.2.13-1 | {MAIN} sid/main amd64 Packages
linux-image-amd64 | 6.12.117-1 | {MAIN} trixie/main amd64 Packages
linux-image-amd64 | 6.12.117-1 | {SECURITY} trixie-security/main amd64 Packages
linux-image-amd64 | 6.12.95-1~bpo12+1 | {MAIN} bookworm-backports/main amd64 Packages
linux-image-amd64 |  6.1.192-2 | {SECURITY} bookworm-security/main amd64 Packages
linux-image-amd64 |  6.1.176-1 | {MAIN} bookworm/main amd64 Packages
"""

PACKAGES = """\
Package: linux-image-amd64
Version: 7.3.4-1~bpo13+1
Depends: linux-base-amd64 (= 7.3.4-1~bpo13+1), linux-image-7.3.4+deb13-amd64 (= 7.3.4-1~bpo13+1)
Description: Linux for 64-bit PCs (meta-package)
 Version: 9.9 is what a description may say.

Package: linux-image-amd64
Version: 7.2.13-1
Depends: linux-base-amd64 (= 7.2.13-1), linux-image-7.2.13+deb14-amd64 (= 7.2.13-1)

Package: linux-image-amd64
Version: 6.12.117-1
Depends: linux-image-6.12.117+deb13-amd64 (= 6.12.117-1)

Package: linux-image-amd64
Version: 6.12.95-1~bpo12+1
Depends: linux-image-6.12.95+deb12-amd64 (= 6.12.95-1~bpo12+1)

Package: linux-image-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)

Package: linux-image-amd64
Version: 6.1.176-1
Depends: linux-image-6.1.0-50-amd64 (= 6.1.176-1)
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_the_mirror_is_the_one_that_says_it_is_debian() -> None:
    assert parse_targets(TARGETS) == Mirror(main=MAIN, security=SECURITY)
    assert parse_targets(TARGETS.splitlines()[0]) is None
    assert parse_targets("") is None


def test_without_lists_the_mirror_is_known_by_its_release() -> None:
    text = (
        "$(ORIGIN)|$(LABEL)|http://other.example/|noble\n"
        f"$(ORIGIN)|$(LABEL)|{SECURITY}/|bookworm-security\n"
        f"$(ORIGIN)|$(LABEL)|{MAIN}/|bookworm-updates\n"
    )
    assert parse_targets(text) == Mirror(main=MAIN, security=SECURITY)


def test_a_given_mirror_brings_its_security_archive_where_custom_has_one() -> None:
    assert find_mirror(MAIN + "/") == Mirror(main=MAIN, security=SECURITY)
    assert find_mirror("file:/srv/mirror") == Mirror(main="file:/srv/mirror", security=None)


def test_every_source_is_checked_against_debians_keys() -> None:
    text = sources_list(Mirror(main=MAIN, security=None), "amd64", Path("/keys.gpg"))
    lines = text.splitlines()
    assert all("signed-by=/keys.gpg" in line and "trusted" not in line for line in lines)
    assert f"deb [arch=amd64 signed-by=/keys.gpg] {MAIN} bookworm main" in lines
    assert not any("security" in line for line in lines)


def test_unauthenticated_kernels_are_never_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine's own apt would take them."""
    index = tmp_path / "mirror/dists/sid/main/binary-amd64/Packages"
    index.parent.mkdir(parents=True)
    index.write_text(
        "Package: linux-image-amd64\nVersion: 9.9.9-1\nArchitecture: amd64\nDepends: linux-image-9.9.9-amd64\n"
        "Filename: pool/x.deb\nSize: 1\n\n"
    )
    settings = tmp_path / "insecure.conf"
    settings.write_text('Acquire::AllowInsecureRepositories "true";\nacquire::AllowWeakRepositories "true";\n')
    monkeypatch.setenv("APT_CONFIG", str(settings))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(apt, "KEYRINGS", tmp_path)
    (tmp_path / "debian-archive-keyring.gpg").touch()
    with pytest.raises(GuestError, match=r"no Debian kernel found at .*(signed|Release file)"):
        kernels.available(f"file:{tmp_path}/mirror", lambda _: None)


def test_proxies_are_kept_and_hooks_are_not() -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire "";\n'
        'APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";\n'
        'Acquire::Languages:: "de";\nAcquire::GzipIndexes "false";\nDir::State "/x";\n'
    )
    assert kept_settings(dump) == ['Acquire::http::Proxy "http://proxy.example:3128";']


@pytest.mark.parametrize(
    ("version", "series"),
    [("6.1.192-2", "6.1"), ("6.12.117-1", "6.12"), ("7.3~rc7-1~exp1", "7.3"), ("7.0-1", "7.0")],
)
def test_series(version: str, series: str) -> None:
    assert kernels.series_of(version) == series


def test_offers_are_the_newest_of_each_series_in_order() -> None:
    found = kernels.offers(MADISON, PACKAGES, {"6.1.192-2"})
    assert [(o.series, o.version, o.suite, o.cached) for o in found] == [
        ("6.1", "6.1.192-2", "bookworm-security", True),
        ("6.12", "6.12.117-1", "trixie", False),
        ("7.2", "7.2.13-1", "sid", False),
        ("7.3", "7.3.4-1~bpo13+1", "trixie-backports", False),
    ]
    assert found[0].package == "linux-image-6.1.0-56-amd64"
    assert found[3].package == "linux-image-7.3.4+deb13-amd64"


def test_a_split_kernel_is_downloaded_in_parts() -> None:
    depends = (
        "dracut | initramfs-tools (>= 0.120+deb8u2), linux-base-7.2-amd64 (= 7.2-1), "
        "linux-binary-7.2-amd64 (= 7.2-1), linux-modules-7.2-amd64 (= 7.2-1)"
    )
    assert kernels.parts_of("linux-image-7.2-amd64", "7.2-1", depends) == [
        "linux-image-7.2-amd64=7.2-1",
        "linux-base-7.2-amd64=7.2-1",
        "linux-binary-7.2-amd64=7.2-1",
        "linux-modules-7.2-amd64=7.2-1",
    ]
    whole = kernels.parts_of("linux-image-6.1.0-56-amd64", "6.1.192-2", "kmod, linux-base (>= 4.3)")
    assert whole == ["linux-image-6.1.0-56-amd64=6.1.192-2"]


def test_a_series_needs_two_numbers() -> None:
    with pytest.raises(GuestError, match=r"'six' is not a kernel series: .* such as 6\.1"):
        kernels.fetch("six", progress=print)


def test_a_cached_kernel_needs_no_network(tmp_path: Path) -> None:
    for version in ("6.12.117-1", "6.1.192-2"):
        directory = tmp_path / "listenwatch/kernels" / version
        directory.mkdir(parents=True)
        series = kernels.series_of(version)
        (directory / "kernel.json").write_text(
            f'{{"series": "{series}", "version": "{version}", "suite": "s", "package": "p",'
            f' "release": "{series}.0", "image": "boot/vmlinuz"}}'
        )
    kernel = kernels.fetch("6.1", progress=pytest.fail)
    assert (kernel.version, kernel.release) == ("6.1.192-2", "6.1.0")
    assert kernel.image == tmp_path / "listenwatch/kernels/6.1.192-2/boot/vmlinuz"


def test_a_mirror_that_does_not_answer_is_one_line_with_advice(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match=r"no Debian kernel found at file:.* give --mirror"):
        kernels.fetch("6.1", mirror=f"file:{tmp_path}/none", progress=print)
    assert not list(tmp_path.glob("listenwatch/kernels/*"))


def test_complaints_of_apt_are_shortened() -> None:
    assert first_complaint("noise\nE: No space left on device.\nE: more") == (
        "No space left on device"
    )
    assert first_complaint("") == "apt gave no reason"


def kernel_at(directory: Path) -> kernels.GuestKernel:
    return kernels.GuestKernel(series="6.1", version="6.1.1-1", suite="s", package="p", release="6.1.0-amd64",
                               directory=directory, image=directory / "vmlinuz")  # fmt: skip


def test_a_command_reaches_the_guest_exactly(tmp_path: Path) -> None:
    arguments = ["a b", "it's", 'say "x"', "two\nlines", "$HOME `id` \\", "", "*", "@CWD@"]
    directory = tmp_path / "a 'b', c"
    directory.mkdir()
    text = script.guest_script(
        ["sh", "-c", 'pwd; printf "%s|" "$@"', "sh", *arguments], directory,
        {"A": "b 'c'\n@COMMAND@", "TMPDIR": "/x"}, kernel_at(tmp_path),
    )  # fmt: skip
    inner = text[text.index("(\n    cd") : text.index("\n) >")] + "\n)"
    done = subprocess.run(["busybox", "sh", "-c", inner], capture_output=True, text=True, check=True)
    assert done.stdout == f"{directory}\n" + "".join(f"{argument}|" for argument in arguments)
    assert "TMPDIR=" not in text


def test_the_working_directory_is_shared_under_any_name() -> None:
    cwd = Path("/srv/a b,c#d")
    setup = mounts.setup(cwd, programs=[cwd / ".venv", cwd, Path("/usr")])
    first, second = setup["mounts/cwd"].decode().splitlines()
    assert first.split(" ")[:3] == ["listenwatch.cwd", r"/newroot/srv/a\040b,c\043d", "9p"]
    assert second.startswith(r"/host/srv/a\040b,c\043d/.venv /newroot/srv/a\040b,c\043d/.venv none bind ")
    line = machine.command_line(machine.machine(own(), kvm=False), Path("k"), Path("i"), mounts.shares(cwd),
                                status=3, stderr=4, memory_mib=64, cpus=1, append=["quiet"])  # fmt: skip
    (share,) = (option for option in line if "id=cwd" in option)
    assert "path=/srv/a b,,c#d," in share
    assert line[-1].endswith(" quiet")


def test_an_emulated_guest_does_not_go_by_a_clock_it_has_to_measure() -> None:
    assert "tsc=unstable" in machine.kernel_options(machine.machine(own(), kvm=False), [])
    assert "tsc=unstable" not in machine.kernel_options(machine.machine(own(), kvm=True), [])


def test_only_what_the_host_does_not_change_is_cached() -> None:
    tables = b"".join(mounts.setup(Path("/srv/work")).values()).decode()
    (root,) = (line for line in tables.splitlines() if "listenwatch.root" in line)
    (cwd,) = (line for line in tables.splitlines() if "listenwatch.cwd" in line)
    assert "ro,cache=loose" in root
    assert "cache" not in cwd
    assert "mounts/cwd" not in mounts.setup(Path("/"))


def test_a_kernel_without_9p_is_an_error_that_names_it(tmp_path: Path) -> None:
    kernel = kernel_at(tmp_path)
    (tmp_path / "lib/modules" / kernel.release).mkdir(parents=True)
    with pytest.raises(GuestError, match=r"Linux 6\.1\.0-amd64 has no module 9p, .*cloud kernels lack it"):
        initramfs.base(kernel, "virtio_pci", Path("/bin/busybox"))
    assert not list(tmp_path.glob("*initramfs*"))


def bzimage(packed: bytes) -> bytes:
    """An image as Documentation/x86/boot.rst describes it, of one sector of setup code and 16 bytes before ``packed``."""
    head = bytearray(1024)
    head[image.SETUP_SECTORS] = 1
    head[image.MAGIC : image.MAGIC + 4] = b"HdrS"
    struct.pack_into("<II", head, image.PAYLOAD, 16, len(packed) + 4)
    return bytes(head) + bytes(16) + packed + b"size" + b"behind"


@pytest.mark.parametrize("pack", ["xz", "zstd"])
def test_a_kernel_is_unpacked_once(tmp_path: Path, pack: str) -> None:
    elf = b"\x7fELF" + image.PVH_NOTE + b"the kernel"
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(bzimage(subprocess.run([pack, "-c"], input=elf, capture_output=True, check=True).stdout))
    kept = image.unpacked(kernel)
    assert (kept != kernel, kept.read_bytes()) == (True, elf)
    kernel.unlink()
    assert image.unpacked(kernel) == kept
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


@pytest.mark.parametrize("content", [b"MZ" + bytes(2000), bzimage(b"lzo?"), bzimage(lzma.compress(b"\x7fELF, no PVH"))])
def test_a_kernel_that_cannot_be_started_unpacked_boots_as_it_is(tmp_path: Path, content: bytes) -> None:
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(content)
    assert image.unpacked(kernel) == kernel
    assert list(tmp_path.iterdir()) == [kernel]


def _watch(
    said: list[bytes], timeout: float | None = None, boot_seconds: float = 9
) -> boot.Outcome:
    reader, writer = os.pipe()

    def say() -> None:
        for text in said:
            os.write(writer, text)
        if b"hang" not in said:
            os.close(writer)

    thread = threading.Thread(target=say)
    thread.start()
    with os.fdopen(reader, "rb", buffering=0) as port:
        outcome = boot.watch(port, timeout, boot_seconds)
    thread.join()
    return outcome


def test_the_status_port_tells_an_end_from_a_loss() -> None:
    assert _watch([b"sta", b"rted\n", b"exit 25", b"5\n"]).status == 255
    assert _watch([b"started\n"]) == boot.Outcome(started=True)
    assert _watch([]) == boot.Outcome()
    assert _watch([b"started\n", b"hang"], 0.01).out_of_time
    assert not _watch([b"hang"], boot_seconds=0.01).started


def test_while_it_boots_it_says_so_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "TICK_SECONDS", 0.01)
    reader, writer = os.pipe()
    heard: list[bool] = []

    def booting(*, started: bool) -> None:
        heard.append(started)
        if len(heard) == 3:
            os.write(writer, b"started\n")
        if started:
            threading.Timer(0.1, lambda: os.write(writer, b"exit 7\n")).start()

    with os.fdopen(reader, "rb", buffering=0) as port:
        assert boot.watch(port, None, booting=booting).status == 7
    os.close(writer)
    assert heard == [False, False, False, True]


def test_a_boot_is_shown_on_a_terminal_until_the_command_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        said: list[str] = []
        with Booting(said.append) as booting:
            booting(started=False)
            assert bool(re.search(r"booting, \d+ s", stream.getvalue())) is stream.isatty()
            booting(started=True)
        assert re.fullmatch(r"booted in \d+\.\d s, running the command", "".join(said))


def test_a_lost_guest_is_explained_by_its_panic() -> None:
    console = ["[ 1.0] Kernel panic - not syncing: Attempted to kill init!", *["[ 1.1] x"] * 50]
    text = boot.explain(boot.Outcome(started=True), None, console)
    assert "(Kernel panic - not syncing: Attempted to kill init!)" in text
    assert len(text.splitlines()) == 1 + boot.CONSOLE_LINES
    late = boot.explain(boot.Outcome(started=True, out_of_time=True), 5, [])
    assert late.startswith("the command did not end within 5 s")


def test_a_kvm_trial_is_settled_only_by_evidence(tmp_path: Path) -> None:
    console = tmp_path / "console"
    console.write_text("")
    refused = accel.judge(-6, "qemu: error: failed to set MSR\nAborted\n", console)
    assert refused == accel.Trial(works=False, reason="qemu: error: failed to set MSR")
    assert accel.judge(0, "", console).works is None
    console.write_text("[    0.000000] Linux version 6.1\n")
    assert accel.judge(0, "", console).works is True
