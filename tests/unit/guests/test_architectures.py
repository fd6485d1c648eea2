"""Guests of another architecture without a guest: their names, their kernels, their userland, and what they are given."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from listenwatch.errors import UsageError
from listenwatch.guests import (
    GuestError,
    accel,
    architectures,
    kernels,
    machine,
    mounts,
    script,
    userland,
)
from listenwatch.guests.architectures import KNOWN, Architecture, named, own
from listenwatch.guests.cache import cache_directory, lock, place_of

OTHER = next(architecture for architecture in KNOWN if not architecture.is_own)
ARM64 = named("arm64")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def kernel_of(architecture: Architecture, directory: Path = Path("/cache/kernel")) -> kernels.GuestKernel:
    return kernels.GuestKernel(series="6.1", version="6.1.1-1", suite="s", package="p", release="6.1.0",
                               directory=directory, image=directory / "vmlinuz", architecture=architecture)  # fmt: skip


def test_debians_name_and_the_kernels_are_the_same_architecture() -> None:
    assert named("arm64") == named("aarch64")
    assert named("amd64") == named("x86_64")
    assert named(None) == own()
    assert named(os.uname().machine).is_own
    with pytest.raises(UsageError, match="no guest has the architecture 'arm': give amd64, arm64, riscv64"):
        named("arm")


def test_an_architecture_that_no_guest_elsewhere_has_is_its_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures.platform, "machine", lambda: "ppc64le")  # type: ignore[attr-defined]
    monkeypatch.setattr(architectures, "output", lambda *_: "ppc64el\n")
    assert own.__wrapped__() == Architecture("ppc64el", "ppc64le", "qemu-system")


def test_an_emulator_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenwatch.guests.apt.shutil.which", lambda *_, **__: None)
    with pytest.raises(GuestError, match="qemu-system-aarch64 is missing: run 'apt-get install qemu-system-arm'"):
        ARM64.emulator()
    with pytest.raises(GuestError, match="qemu-system-riscv64 is missing: run 'apt-get install qemu-system-misc opensbi'"):
        named("riscv64").emulator()


def test_a_cache_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    expected = f"{tmp_path}/file/listenwatch cannot be written (Not a directory): set XDG_CACHE_HOME to a folder of yours"
    with pytest.raises(GuestError, match=re.escape(expected)), lock():
        pass


def test_each_architecture_has_its_own_kernels() -> None:
    assert place_of(own()) == cache_directory()
    for architecture in (own(), OTHER):
        directory = place_of(architecture) / "kernels/6.1.1-1"
        directory.mkdir(parents=True)
        (directory / "kernel.json").write_text(
            '{"series": "6.1", "version": "6.1.1-1", "suite": "s", "package": "p", "release": "r", "image": "vmlinuz"}'
        )
    for architecture in (own(), OTHER):
        kernel = kernels.fetch("6.1", architecture=architecture, progress=pytest.fail)
        assert kernel.architecture == architecture
        assert kernel.image == place_of(architecture) / "kernels/6.1.1-1/vmlinuz"


def test_kvm_is_for_this_machines_own() -> None:
    assert accel.use_kvm("auto", kernel_of(OTHER), pytest.fail) is False
    with pytest.raises(GuestError, match=f"KVM runs only guests of {own().name} here: use --accel tcg"):
        accel.use_kvm("kvm", kernel_of(OTHER), pytest.fail)


def test_arm64_is_a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Architecture, "emulator", lambda self: f"/bin/{self.machine}")
    shape = machine.machine(ARM64, kvm=False)
    assert (shape.emulator, shape.console, machine.transport(shape)) == ("/bin/aarch64", "ttyAMA0", "virtio_mmio")
    assert shape.options[:2] == ("-machine", "virt")
    assert "cortex-a72" in shape.options
    assert "virt,gic-version=host" in machine.machine(ARM64, kvm=True).options


def test_riscv64_is_a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Architecture, "emulator", lambda self: f"/bin/{self.machine}")
    shape = machine.machine(named("riscv64"), kvm=False)
    assert (shape.emulator, shape.console, machine.transport(shape)) == ("/bin/riscv64", "ttyS0", "virtio_mmio")
    assert shape.options[:2] == ("-machine", "virt")
    assert "host" in machine.machine(named("riscv64"), kvm=True).options


USERLAND = userland.Userland(Path("/cache/userland"), Path("/cache/python"))


def test_a_guest_with_a_userland_sees_of_this_machine_what_it_needs() -> None:
    cwd, needed = Path("/srv/work"), Path("/cache/kernel")
    shared = {share.name: (share.directory, share.writable) for share in mounts.shares(cwd, USERLAND)}
    assert shared == {
        "root": (USERLAND.root, False), "host": (Path("/"), False),
        "python": (USERLAND.compiled, True), "cwd": (cwd, True),
    }  # fmt: skip
    tables = {name: text.decode() for name, text in mounts.setup(cwd, USERLAND, needed=[needed]).items()}
    assert "overlay /newroot" in tables["mounts/root"]
    places = dict(line.split(" ")[1::-1] for line in tables["mounts/files"].splitlines())
    assert places["/newroot/cache/kernel"] == "/host/cache/kernel"
    for name in ("listenwatch", "pyroute2"):
        source = Path(places[f"/newroot/usr/lib/python3/dist-packages/{name}"].removeprefix("/host"))
        assert (source / "__init__.py").exists()
    assert not any(source.startswith("/host/usr/") for source in places.values() if "dist-packages" not in source)
    assert {share.name for share in mounts.shares(cwd)} == {"root", "cwd"}


def test_what_names_this_machines_programs_is_not_passed_to_another_architecture() -> None:
    environment = {"PATH": "/venv/bin:/bin", "VIRTUAL_ENV": "/venv", "PYTHONPATH": "/x", "LD_PRELOAD": "/x.so", "TERM": "vt100"}
    text = script.guest_script(["true"], Path("/"), environment, kernel_of(OTHER))
    assert "TERM=vt100" in text
    assert "PATH=/usr/local/sbin:/usr/local/bin:" in text
    assert f"PYTHONPYCACHEPREFIX={userland.COMPILED}" in text
    assert not any(f"{name}=" in text for name in ("VIRTUAL_ENV", "PYTHONPATH", "LD_PRELOAD"))
    assert "PATH=/venv/bin:/bin" in script.guest_script(["true"], Path("/"), environment, kernel_of(own()))


class Apt:
    """Gives packages made here in place of Debian's."""

    def __init__(self, debs: Iterable[Path]) -> None:
        self.debs = list(debs)
        self.asked = 0

    def update(self, _progress: object) -> None:
        """Nothing to read."""

    def download_with_needs(self, _packages: object, _suite: str, _directory: Path) -> list[Path]:
        self.asked += 1
        return self.debs


def deb(directory: Path, name: str, *, links: Iterable[str] = (), files: Iterable[str] = ()) -> Path:
    """A package with these files, and links into usr."""
    root = directory / name
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: m\nDescription: d\n")
    for link in links:
        (root / link).symlink_to(f"usr/{link}")
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(name)
    package = directory / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, package], check=True, capture_output=True)
    return package


def test_a_userland_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt([deb(tmp_path, "a-shell", files=["usr/bin/sh"]), deb(tmp_path, "base-files", links=["bin"], files=["usr/bin/x"])])
    monkeypatch.setattr(kernels, "private_apt", lambda *_: apt)
    made = userland.fetch_userland(OTHER, progress=lambda _: None)
    assert made is not None
    assert (made.root / "bin").is_symlink()
    assert (made.root / "usr/bin/sh").read_text() == "a-shell"
    assert os.access(made.root / "usr/local/bin/listenwatch", os.X_OK)
    assert (made.root / "usr/lib/python3/dist-packages/listenwatch").is_dir()
    assert made.compiled.is_dir()
    assert userland.fetch_userland(OTHER, progress=pytest.fail) == made
    assert apt.asked == 1
    assert userland.fetch_userland(own(), progress=pytest.fail) is None


def test_a_userland_that_cannot_be_unpacked_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "base-files_1_all.deb"
    broken.write_text("no archive")
    monkeypatch.setattr(kernels, "private_apt", lambda *_: Apt([broken]))
    with pytest.raises(GuestError, match="dpkg-deb failed: "):
        userland.fetch_userland(OTHER, progress=lambda _: None)
    assert [path.name for path in place_of(OTHER).iterdir()] == ["python"]
