"""Guests without a guest: apt's answers read, kernels chosen, scripts and errors written."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from listenwatch.guests import GuestError, accel, boot, kernels, script
from listenwatch.guests.apt import (
    Mirror,
    find_mirror,
    first_complaint,
    kept_settings,
    parse_targets,
    sources_list,
)

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


def test_a_command_reaches_the_guest_exactly(tmp_path: Path) -> None:
    arguments = ["a b", "it's", 'say "x"', "two\nlines", "$HOME `id` \\", "", "*", "@CWD@"]
    text = script.guest_script(
        ["printf", "%s|", *arguments], tmp_path, {"A": "b 'c'\n@COMMAND@", "TMPDIR": "/x"}
    )
    inner = text[text.index("(\n") : text.index("\n) >")] + "\n)"
    done = subprocess.run(["bash", "-c", inner], capture_output=True, text=True, check=True)
    assert done.stdout == "".join(f"{argument}|" for argument in arguments)
    assert "TMPDIR=" not in text


def test_a_directory_virtme_cannot_name_is_refused(tmp_path: Path) -> None:
    assert script.shareable(tmp_path) == tmp_path.resolve()
    with pytest.raises(GuestError, match="plainer name"):
        script.shareable(tmp_path / "a'b")


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
