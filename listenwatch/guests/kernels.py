"""Kernels in the cache: chosen by series, fetched once, unpacked, ready for modprobe.

``<cache>/kernels/<Debian version>/`` appears by one rename, so a kernel is there or it is not; those of another
architecture than this machine's are in ``<cache>/ARCHITECTURE/kernels``.
"""

import errno
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from listenwatch.errors import GuestError
from listenwatch.guests import architectures
from listenwatch.guests.apt import PrivateApt, Progress, find_mirror, tool
from listenwatch.guests.architectures import Architecture
from listenwatch.guests.cache import cache_directory, lock, place_of

#: Unpacked modules of 5.10 take 5.6 times the room of their package.
UNPACKED_FACTOR = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelOffer:
    """A kernel that a suite offers, or that is in the cache."""

    series: str
    version: str
    suite: str
    package: str
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestKernel:
    """A kernel unpacked in the cache; ``release`` is what ``uname -r`` says in the guest."""

    series: str
    version: str
    suite: str
    package: str
    release: str
    directory: Path
    image: Path
    architecture: Architecture = field(default_factory=architectures.own)

    @property
    def modules(self) -> Path:
        """What the guest has as ``/lib/modules/RELEASE``."""
        below_usr = self.directory / "usr/lib/modules" / self.release
        return below_usr if below_usr.is_dir() else self.directory / "lib/modules" / self.release


def series_of(version: str) -> str:
    """The series of a Debian version: 6.1 for ``6.1.192-2``, 7.3 for ``7.3~rc7-1~exp1``."""
    match = re.match(r"\d+\.\d+(?!\d)", version)
    return match.group() if match else version


def series_key(series: str) -> list[int]:
    """Sorts 6.12 after 6.1."""
    return [int(part) for part in re.findall(r"\d+", series)]


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The entries of a Packages index, as far as one-line fields go."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z][\w-]*): *(.*)$", paragraph, re.MULTILINE))
        if fields:
            yield fields


def image_package(depends: str) -> str | None:
    """The kernel itself, among what a meta package depends on."""
    match = re.search(r"(?:^|[ ,])(linux-image-\d[^ ,]*)", depends)
    return match.group(1) if match else None


def parts_of(image: str, version: str, depends: str) -> list[str]:
    """What to download for one kernel, as ``name=version``.

    Up to 6.12 linux-image-* holds everything. From 7.0 it is empty and depends on
    linux-binary-* (vmlinuz), linux-modules-* and linux-base-* (modules.builtin, modules.order).
    """
    parts = re.findall(r"(?:^|[ ,])(linux-(?:base|binary|modules)-\d[^ ,]*) *\(=", depends)
    return [f"{name}={version}" for name in [image, *parts]]


def offers(madison: str, packages: str, cached: set[str]) -> list[KernelOffer]:
    """The newest version of each series, oldest series first."""
    images = {entry.get("Version"): image_package(entry.get("Depends", "")) for entry in paragraphs(packages)}
    newest: dict[str, KernelOffer] = {}
    for line in madison.splitlines():
        _, version, source = (field.strip() for field in line.split("|"))
        if package := images.get(version):
            suite = source.split()[1].partition("/")[0]
            offer = KernelOffer(series=series_of(version), version=version, suite=suite,
                                package=package, cached=version in cached)  # fmt: skip
            newest.setdefault(offer.series, offer)
    return sorted(newest.values(), key=lambda offer: series_key(offer.series))


def available(mirror: str | None, progress: Progress, architecture: Architecture | None = None) -> list[KernelOffer]:
    """What ``fetch`` can deliver: one offer per series, with those only the cache still has."""
    architecture = architecture or architectures.own()
    cached = cached_kernels(architecture)
    with lock():
        try:
            apt = private_apt(mirror, architecture)
            apt.update(progress)
            offered = offers(apt.madison(), apt.show(apt.meta), {k.version for k in cached})
        except GuestError as error:
            if not cached:
                raise
            progress(f"{error}; listing the cache only")
            offered = []
    known = {offer.series for offer in offered if offer.cached}
    extra = [KernelOffer(series=k.series, version=k.version, suite=k.suite, package=k.package,
                         cached=True) for k in cached if k.series not in known]  # fmt: skip
    return sorted(offered + extra, key=lambda offer: series_key(offer.series))


def fetch(
    series: str, *, mirror: str | None = None, architecture: Architecture | None = None, progress: Progress
) -> GuestKernel:
    """The kernel of a series such as ``"6.1"``: from the cache, or else from Debian.

    A cached kernel is used as it is, without network; remove its directory to get a newer one.
    """
    if not re.fullmatch(r"\d+\.\d+", series, re.ASCII):
        raise GuestError(f"{series!r} is not a kernel series: give two numbers, such as 6.1")
    architecture = architecture or architectures.own()
    with lock():
        for kernel in cached_kernels(architecture):
            if kernel.series == series:
                return kernel
        apt = private_apt(mirror, architecture)
        apt.update(progress)
        try:
            return _install(apt, _choose(apt, series), architecture, progress)
        except GuestError:
            # The lists may be older than the mirror: exact versions vanish. Ask once more.
            before = apt.madison()
            apt.update(progress, force=True)
            if apt.madison() == before:
                raise
            return _install(apt, _choose(apt, series), architecture, progress)
        except OSError as error:
            raise GuestError(f"cannot keep kernels in {cache_directory()}: {error.strerror}; "
                             "free some room or set XDG_CACHE_HOME") from error  # fmt: skip


def cached_kernels(architecture: Architecture) -> list[GuestKernel]:
    """Every kernel of an architecture in the cache, the one fetched last first."""
    described = (place_of(architecture) / "kernels").glob("[!.]*/kernel.json")
    return [_load(path, architecture) for path in sorted(described, key=lambda p: p.stat().st_mtime, reverse=True)]


def _load(path: Path, architecture: Architecture) -> GuestKernel:
    fields = json.loads(path.read_text()) | {"directory": path.parent, "architecture": architecture}
    return GuestKernel(**fields | {"image": path.parent / fields["image"]})


def private_apt(url: str | None, architecture: Architecture) -> PrivateApt:
    """apt for the mirror at ``url``, or the one this machine uses, with its lists in the cache."""
    mirror = find_mirror(url)
    name = hashlib.sha256(mirror.main.encode()).hexdigest()[:12]
    return PrivateApt(place_of(architecture) / "apt" / name, mirror, architecture.name)


def _choose(apt: PrivateApt, series: str) -> KernelOffer:
    offered = {offer.series: offer for offer in offers(apt.madison(), apt.show(apt.meta), set())}
    if series not in offered:
        raise GuestError(f"no kernel {series} at this mirror: choose one of {', '.join(offered)}")
    return offered[series]


def _install(apt: PrivateApt, offer: KernelOffer, architecture: Architecture, progress: Progress) -> GuestKernel:
    """Download, unpack and index a kernel in a temporary folder, then rename that."""
    kernels = place_of(architecture) / "kernels"
    kernels.mkdir(parents=True, exist_ok=True)
    for left_over in kernels.glob(".part-*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(left_over)
    entry = next(paragraphs(apt.show(f"{offer.package}={offer.version}")), None)
    if entry is None:
        raise GuestError(f"{offer.package} {offer.version} is not at this mirror: try again later")
    parts = parts_of(offer.package, offer.version, entry.get("Depends", ""))
    size = sum(int(entry.get("Size", 0)) for entry in paragraphs(apt.show(*parts)))
    if shutil.disk_usage(kernels).free < size * UNPACKED_FACTOR:
        raise OSError(errno.ENOSPC, f"{size * UNPACKED_FACTOR >> 20} MiB are needed")
    with tempfile.TemporaryDirectory(prefix=".part-", dir=kernels) as name:
        part, root = Path(name), Path(name) / "root"
        progress(f"downloading Linux {offer.version} from {offer.suite}, {size / 1e6:.0f} MB")
        apt.download(parts, part)
        progress("unpacking it")
        for package in sorted(part.glob("*.deb")):
            call("dpkg-deb", "dpkg", "-x", str(package), str(root))
        _describe(offer, root)
        root.rename(kernels / offer.version)
    return _load(kernels / offer.version / "kernel.json", architecture)


def _describe(offer: KernelOffer, root: Path) -> None:
    """Find the kernel in what was unpacked, index its modules and write ``kernel.json``."""
    shutil.rmtree(root / "usr/share", ignore_errors=True)
    modules = [*root.glob("lib/modules/*"), *root.glob("usr/lib/modules/*")]
    images = [*root.glob("boot/vmlinu[xz]-*"), *root.glob("usr/lib/modules/*/vmlinu[xz]")]
    if not modules or not images:
        raise GuestError(f"{offer.package} {offer.version} holds no kernel: report this")
    release = modules[0].name
    call("depmod", "kmod", "-b", str(modules[0].parents[2]), release)
    fields = asdict(offer) | {"release": release, "image": str(images[0].relative_to(root))}
    del fields["cached"]
    (root / "kernel.json").write_text(json.dumps(fields, indent=1) + "\n")


def call(name: str, package: str, *arguments: str) -> None:
    """Run a tool of Debian's ``package``; GuestError gives its last line where it fails."""
    done = subprocess.run([tool(name, package), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise GuestError(f"{name} failed: {reason}; check the room in {cache_directory()}")
