"""Which kernel this is, and which Behaviour follows from its release and its BTF."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from listenwatch.errors import ObserveError
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux import kernel
from listenwatch.linux.kernel import Kernel, Version, parse_version
from listenwatch.model.behaviour import Behaviour
from tests.helpers.eras import LINUX_7_3


def behaviour(version: Version, **has: bool) -> Behaviour:
    """The Behaviour of a release; ``has`` is what its BTF says."""
    return behaviour_of(Kernel(".".join(map(str, version)), version, "x86_64", has))


@pytest.mark.parametrize(
    ("release", "build", "version"),
    [
        ("6.1.0-50-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-05-01)", (6, 1, 192)),
        ("6.19-amd64", "#1 SMP Debian 6.19-1~exp1", (6, 19, 0)),
        ("5.15.0-91-generic", "#101-Ubuntu SMP Tue Nov 14", (5, 15, 0)),
        (
            "5.15.0-91-generic",
            "#101-Ubuntu SMP Tue Nov 14 Ubuntu 5.15.0-91.101-generic 5.15.131",
            (5, 15, 131),
        ),
        ("6.18.44", "#1 SMP", (6, 18, 44)),
        ("6.18.44-fc-v595", "#1 SMP", (6, 18, 44)),
        ("6.19-rc3", "", (6, 19, 0)),
        ("6.19.0-rc3+", "", (6, 19, 0)),
        ("7.0", "", (7, 0, 0)),
        ("5.14.0-503.el9.x86_64", "#1 SMP", (5, 14, 0)),
    ],
)
def test_parse_version(release: str, build: str, version: Version) -> None:
    assert parse_version(release, build) == version


@pytest.mark.parametrize("release", ["", "linux", "v6.1", "6", "-6.1", "generic-6.1"])
def test_a_release_without_a_version_is_an_error(release: str) -> None:
    with pytest.raises(ValueError, match="not a kernel release"):
        parse_version(release)


def test_series() -> None:
    assert Kernel("6.1.0-50-amd64", (6, 1, 192), "x86_64", {}).series == "6.1"


@pytest.mark.parametrize("version", [(5, 9, 16), (4, 19, 0), (2, 6, 32)])
def test_kernels_before_the_model_are_refused(version: Version) -> None:
    with pytest.raises(ObserveError, match=r"from 5\.10 on"):
        behaviour(version)


@pytest.mark.parametrize(
    ("version", "ipv6_hash", "mptcp_enters"),
    [
        ((5, 10, 0), "inet6_hash", "inet_listen"),
        ((6, 5, 13), "inet6_hash", "inet_listen"),
        ((6, 6, 0), "inet6_hash", "__inet_listen_sk"),
        ((6, 17, 9), "inet6_hash", "__inet_listen_sk"),
        ((6, 18, 0), "inet_hash", "__inet_listen_sk"),
        ((7, 3, 0), "inet_hash", "__inet_listen_sk"),
    ],
)
def test_eras(version: Version, ipv6_hash: str, mptcp_enters: str) -> None:
    found = behaviour(version)
    assert (found.ipv6_hash, found.mptcp_enters) == (ipv6_hash, mptcp_enters)


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        ((5, 10, 0), False),
        ((5, 10, 162), False),
        ((5, 10, 163), True),
        ((5, 11, 22), False),
        ((5, 15, 87), False),
        ((5, 15, 88), True),
        ((5, 17, 0), False),
        ((6, 0, 18), False),
        ((6, 0, 19), True),
        ((6, 1, 4), False),
        ((6, 1, 5), True),
        ((6, 2, 0), True),
        ((7, 3, 0), True),
    ],
)
def test_ulp_backports(version: Version, refused: bool | None) -> None:
    assert behaviour(version).values()["ulp_without_clone_refused"] is refused


@pytest.mark.parametrize(
    ("version", "listens"),
    [
        ((5, 10, 0), False),
        ((6, 15, 11), False),
        ((6, 16, 0), True),
        ((6, 17, 13), True),
        ((6, 18, 0), True),
        ((6, 18, 2), True),
        ((6, 18, 43), True),
        ((6, 18, 44), False),
        ((6, 19, 0), True),
        ((7, 0, 0), True),
        ((7, 0, 13), None),
        ((7, 1, 7), True),
        ((7, 1, 8), False),
        ((7, 2, 0), False),
        ((7, 3, 0), False),
    ],
)
def test_unix_slip(version: Version, listens: bool | None) -> None:
    assert behaviour(version).values()["unix_wrong_state_listens"] is listens


def test_evidence_beats_the_release() -> None:
    backported = behaviour((6, 1, 55), inet6_hash=False, __inet_listen_sk=True)
    assert backported.ipv6_hash == "inet_hash"
    assert backported.mptcp_enters == "__inet_listen_sk"
    reverted = behaviour((7, 3, 0), inet6_hash=True, __inet_listen_sk=False)
    assert reverted.ipv6_hash == "inet6_hash"
    assert reverted.mptcp_enters == "inet_listen"


def test_the_newest_release_has_the_newest_era() -> None:
    assert behaviour((7, 3, 0)) == LINUX_7_3


@pytest.mark.parametrize(
    ("release", "vendor"),
    [
        ("5.14.0-427.13.1.el9_4.x86_64", "Red Hat"),
        ("4.18.0-553.el8_10.x86_64", "Red Hat"),
        ("5.15.0-200.131.27.el8uek.x86_64", "Red Hat"),
        ("5.14.21-150500.55.44-default", "SUSE"),
        ("4.12.14-122.37-default", "SUSE"),
        ("5.3.18-lp152.19-default", "SUSE"),
        ("6.1.141-155.222.amzn2023.x86_64", "Amazon"),
        ("5.10.0-60.18.0.50.oe2203.x86_64", "openEuler"),
        ("4.19.90-52.22.v2207.ky10.x86_64", "a vendor"),
        ("5.10.134-16.1.al8.x86_64", "a vendor"),
        ("6.8.12-4-pve", "Proxmox"),
        ("6.1.0-50-amd64", ""),
        ("6.12.107+deb13-cloud-amd64", ""),
        ("5.15.0-91-generic", ""),
        ("5.15.0-1051-azure", ""),
        ("6.5.6-300.fc39.x86_64", ""),
        ("6.9.7-1-default", ""),
        ("6.18.44-fc-v595", ""),
        ("7.3.4", ""),
    ],
)
def test_whose_kernel_it_is_if_its_number_proves_nothing(release: str, vendor: str) -> None:
    assert Kernel(release, (5, 14, 0), "x86_64", {}).vendor.startswith(vendor)
    assert bool(Kernel(release, (5, 14, 0), "x86_64", {}).vendor) == bool(vendor)


def test_running_kernel_names_its_signature(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ubuntu freezes uname -r at x.y.0; /proc/version_signature has the upstream version."""
    signature = tmp_path / "version_signature"
    signature.write_text("Ubuntu 5.15.0-91.101-generic 5.15.131\n")
    monkeypatch.setattr(kernel, "VERSION_SIGNATURE", signature)
    ubuntu = ("Linux", "host", "5.15.0-91-generic", "#101-Ubuntu SMP", "x86_64")
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(ubuntu))
    assert kernel.running_kernel().version == (5, 15, 131)
