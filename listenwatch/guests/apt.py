"""A private apt: reads the kernel lists of Debian's suites without touching the machine's own.

The mirror is the one the machine uses already, so no host name stands in this file. apt checks
signatures and hashes; this file only writes its configuration and reads what it prints.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import GuestError, UsageError

Progress = Callable[[str], None]

#: Suites that hold a kernel series worth testing. One that a mirror lacks is passed over.
SUITES = ("bullseye", "bookworm", "bookworm-updates", "bookworm-backports",
          "trixie", "trixie-updates", "trixie-backports", "sid")  # fmt: skip
SECURITY_SUITES = ("bullseye-security", "bookworm-security", "trixie-security")
FRESH_SECONDS = 12 * 3600
KEYRINGS = Path("/usr/share/keyrings")
#: Settings of the machine that decide how to reach a mirror (proxies, time-outs, checks) are
#: kept; these decide what to fetch and in which form, which this file does.
OWN_SETTINGS = ("Languages", "IndexTargets", "GzipIndexes", "CompressionTypes")
#: A guest boots what was listed: a machine that allows these elsewhere does not allow them here.
INSECURE = ("AllowInsecureRepositories", "AllowWeakRepositories", "AllowDowngradeToInsecureRepositories")


class Mirror(NamedTuple):
    """Where Debian comes from: archive addresses, without a trailing slash."""

    main: str
    security: str | None


def tool(name: str, package: str) -> str:
    """The path of a program, also looked for in sbin; GuestError names its Debian package."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise GuestError(f"{name} is missing: run 'apt-get install {package}'")
    return path


def output(*command: str, config: Path | None = None) -> str:
    """What a query prints; nothing when it fails, since apt-cache fails on an unknown name."""
    return _run(command, config).stdout


def _run(
    command: Sequence[str], config: Path | None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    env |= {"APT_CONFIG": str(config)} if config else {}
    return subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def parse_targets(text: str) -> Mirror | None:
    """Find Debian's archives in lines of ``origin|label|address|release`` from apt-get.

    Origin and label come from the signed Release file. Where apt has no lists yet they stay
    unexpanded, ``$(ORIGIN)``, and the name of the release has to do.
    """
    archives: dict[str, str] = {}
    label_of = {**dict.fromkeys(SUITES, "Debian"), **dict.fromkeys(SECURITY_SUITES, "Debian-Security")}
    for line in text.splitlines():
        origin, label, address, release = [*line.split("|"), "", "", ""][:4]
        if origin.startswith("$("):
            origin, label = "Debian", label_of.get(release, "")
        if origin == "Debian" and label in ("Debian", "Debian-Security"):
            archives.setdefault(label, address.rstrip("/"))
    main = archives.get("Debian")
    return Mirror(main=main, security=archives.get("Debian-Security")) if main else None


def find_mirror(url: str | None) -> Mirror:
    """The mirror at ``url``, or the one this machine's apt uses."""
    if url is not None:
        if not re.fullmatch(r"[!-~]+", url):  # it becomes part of a line of sources.list
            raise UsageError(f"--mirror {url}: an address has plain letters and no blanks")
        main = url.rstrip("/")
        # By convention the security archive has the main one's address with -security; else it is left out.
        return Mirror(main=main, security=f"{main}-security" if main.endswith("/debian") else None)
    apt_get = tool("apt-get", "apt")
    form = "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(RELEASE)"
    for extra in ([], ["--no-release-info"]):
        if mirror := parse_targets(output(apt_get, "indextargets", *extra, "--format", form)):
            return mirror
    raise GuestError("no Debian archive among this machine's apt sources: give --mirror URL")


def sources_list(mirror: Mirror, arch: str, keyring: Path) -> str:
    """The private sources.list: every suite, checked against Debian's own keys."""
    archives = ((mirror.main, SUITES), (mirror.security, SECURITY_SUITES))
    return "".join(
        f"deb [arch={arch} signed-by={keyring}] {address} {suite} main\n"
        for address, suites in archives if address for suite in suites
    )  # fmt: skip


def kept_settings(dump: str) -> list[str]:
    """The lines of ``apt-config dump`` that say how to reach a mirror."""
    own = tuple(f"acquire::{name}".lower() for name in (*OWN_SETTINGS, *INSECURE))
    return [
        line
        for line in dump.splitlines()
        if line.startswith("Acquire::") and not line.lower().startswith(own) and not line.endswith(' "";')
    ]


class PrivateApt:
    """apt for one of Debian's architectures, with its state, cache, sources and settings in a directory of its own."""

    def __init__(self, directory: Path, mirror: Mirror, arch: str) -> None:
        self.directory = directory
        self.mirror = mirror
        self.config = directory / "apt.conf"
        self.arch = arch
        self._lists_changed = False

    @property
    def meta(self) -> str:
        """The package that follows each suite's current kernel; exact versions vanish."""
        return f"linux-image-{self.arch}"

    def _configure(self) -> None:
        keyring = next(iter(sorted(KEYRINGS.glob("debian-archive-keyring.*"))), None)
        if keyring is None:
            raise GuestError("no Debian keys here: run 'apt-get install debian-archive-keyring'")
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        sources = self.directory / "sources.list"
        text = sources_list(self.mirror, self.arch, keyring)
        if not sources.exists() or sources.read_text() != text:
            (self.directory / "updated").unlink(missing_ok=True)
            sources.write_text(text)
        # Read before /etc/apt: without its parts no hook of the machine runs either, and
        # container images have one that deletes the machine's downloaded packages.
        self.config.write_text("\n".join([
            f'Dir::State "{self.directory}/state";', 'Dir::State::status "/dev/null";',
            f'Dir::Cache "{self.directory}/cache";', f'Dir::Etc::sourcelist "{sources}";',
            *(f'Dir::Etc::{name} "/dev/null";' for name in
              ("sourceparts", "parts", "main", "preferences", "preferencesparts")),
            f'APT::Architecture "{self.arch}";', f'APT::Architectures {{ "{self.arch}"; }};',
            'Acquire::Languages "none";', 'Acquire::GzipIndexes "true";', 'Acquire::Retries "2";',
            # The unprivileged _apt user cannot reach a cache below /root.
            'APT::Sandbox::User "root";',
            *(f'Acquire::{name} "false";' for name in INSECURE),
            *kept_settings(output(tool("apt-config", "apt"), "dump")), "",
        ]))  # fmt: skip

    def update(self, progress: Progress, *, force: bool = False) -> None:
        """Refresh the lists unless they are recent; a suite that is missing is not an error."""
        self._configure()
        stamp = self.directory / "updated"
        recent = stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_SECONDS
        if self._lists_changed or (recent and not force):
            return
        progress(f"reading Debian's kernel lists from {self.mirror.main}")
        done = _run([tool("apt-get", "apt"), "-q", "update"], self.config)
        self._lists_changed = True
        if not self.madison():
            raise GuestError(f"no Debian kernel found at {self.mirror.main}: {first_complaint(done.stderr)}; "
                             "check the network, or give --mirror URL")  # fmt: skip
        # apt keeps an old list when a mirror does not answer: use it, but ask again next time.
        if "Failed to fetch" not in done.stderr:
            stamp.touch()

    def madison(self) -> str:
        """One line per version and suite of the meta package, newest version first."""
        return output(tool("apt-cache", "apt"), "madison", self.meta, config=self.config)

    def show(self, *packages: str) -> str:
        """The Packages entries of ``name`` or ``name=version``."""
        return output(tool("apt-cache", "apt"), "show", *packages, config=self.config)

    def download(self, packages: Iterable[str], directory: Path) -> None:
        """Fetch ``name=version`` packages into ``directory``; apt checks their hashes."""
        done = _run([tool("apt-get", "apt"), "-q", "download", *packages], self.config, directory)
        if done.returncode != 0:
            raise GuestError(f"the download failed: {first_complaint(done.stderr)}; try again, or give --mirror")

    def download_with_needs(self, packages: Iterable[str], suite: str, directory: Path) -> list[Path]:
        """Fetch ``packages`` of a suite and all they depend on, as for a machine that has nothing yet."""
        (directory / "partial").mkdir(parents=True)
        line = [tool("apt-get", "apt"), "-q", "-y", "--download-only", "--no-install-recommends",
                "-o", f"Dir::Cache::archives={directory}", "-o", f"APT::Default-Release=/^{suite}(-updates|-security)?$/"]  # fmt: skip
        done = _run([*line, "install", *packages], self.config)
        if done.returncode != 0:
            raise GuestError(f"the download failed: {first_complaint(done.stderr)}; try again, or give --mirror")
        return list(directory.glob("*.deb"))


def first_complaint(stderr: str) -> str:
    """The first line of apt's that says what went wrong, without its E: or W:."""
    match = re.search(r"^(?:E|W|Err\S*): *(.+)$", stderr, re.MULTILINE)
    return match.group(1).rstrip(". ") if match else "apt gave no reason"
