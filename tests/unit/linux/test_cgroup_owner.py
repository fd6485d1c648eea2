"""Whose a cgroup is: paths as systemd, runtimes and kubelets make them, and those that are nobody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.linux.cgroup_owner import (
    NOBODY,
    Container,
    Owner,
    Pod,
    owner_of_file,
    owner_of_path,
    unified_path,
)

A, B = "71f5ff8a48a8295c1b4627935a1a579c64a20d6543505a2ba80ebfa4c4809a0c", 64 * "b"
UID = "1f3c8e5a-0b7d-4d0e-9a51-3f1c2d4e5a6b"
UID_ = UID.replace("-", "_")
STATIC = "ee2b4ad29f1f9a6a4b4c9d5f2c1d0e3a"


def container(runtime: str, ident: str = A, **more: object) -> Owner:
    return Owner(container=Container(runtime, ident), **more)  # type: ignore[arg-type]


SYSTEMD = [
    ("/system.slice/nginx.service", Owner("nginx.service")),
    ("/system.slice/system-getty.slice/getty@tty1.service", Owner("getty@tty1.service")),
    (r"/system.slice/system-tmpl.slice/tmpl@a\x2db.service", Owner(r"tmpl@a\x2db.service")),
    (r"/system.slice/dev-disk-by\x2duuid-1234.swap", Owner(r"dev-disk-by\x2duuid-1234.swap")),
    ("/system.slice/system-ssh.slice/ssh@3-10.0.0.1:22-10.0.0.2:5000.service",
     Owner("ssh@3-10.0.0.1:22-10.0.0.2:5000.service")),
    ("/system.slice/php8.2-fpm.service/pool", Owner("php8.2-fpm.service")),
    ("/system.slice/echo.socket", Owner("echo.socket")),
    ("/system.slice/__hidden.service", Owner("_hidden.service")),
    ("/system.slice/nginx.service (deleted)", Owner("nginx.service")),
    ("/../../system.slice/nginx.service", Owner("nginx.service")),
    ("/init.scope", Owner("init.scope")),
    ("/user.slice/user-1000.slice/session-3.scope", Owner("session-3.scope", user=1000)),
    ("/user.slice/user-1000.slice/user@1000.service/init.scope", Owner("init.scope", user=1000)),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", Owner("web.service", user=1000)),
    (r"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-org.gnome.Terminal-3110.scope",
     Owner("app-gnome-org.gnome.Terminal-3110.scope", user=1000)),
    ("/system.slice/run-r1f3c8e5a.scope", Owner("run-r1f3c8e5a.scope")),
    ("/system.slice/snap.lxd.daemon.service", Owner("snap.lxd.daemon.service")),
]  # fmt: skip
DOCKER = [
    (f"/docker/{A}", container("docker")),
    (f"/system.slice/docker-{A}.scope", container("docker")),
    (f"/system.slice/docker-{A}.scope/system.slice/nginx.service", container("docker", unit="nginx.service")),
    (f"/docker/{B}/docker/{A}", container("docker")),
    (f"/system.slice/docker.service/docker/{A}", container("docker", unit="docker.service")),
    (f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope",
     container("docker", unit="user@1000.service", user=1000)),
    (f"/actions_job/{A}", container("")),
    (f"/ecs/0123/{A}", container("")),
    ("/system.slice/docker.service", Owner("docker.service")),
    ("/docker", NOBODY),
    ("/docker/buildx", NOBODY),
]  # fmt: skip
PODMAN = [
    (f"/libpod_parent/libpod-{A}", container("podman")),
    (f"/machine.slice/libpod-{A}.scope", container("podman")),
    (f"/machine.slice/libpod-{A}.scope/container", container("podman")),
    (f"/machine.slice/libpod-{A}.scope/container/system.slice/nginx.service",
     container("podman", unit="nginx.service")),
    (f"/machine.slice/machine-libpod_pod_{B}.slice/libpod-{A}.scope/container", container("podman", pod=Pod(B))),
    (f"/libpod_parent/{B}/libpod-{A}", container("podman", pod=Pod(B))),
    (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container",
     container("podman", unit="user@1000.service", user=1000)),
    (f"/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_{B}.slice/libpod-{A}.scope",
     container("podman", unit="user@1000.service", user=1000, pod=Pod(B))),
    (f"/system.slice/web.service/libpod-payload-{A}", container("podman", unit="web.service")),
    (f"/machine.slice/libpod-conmon-{A}.scope", Owner(f"libpod-conmon-{A}.scope")),
    ("/libpod_parent/conmon", NOBODY),
    (f"/libpod_parent/{B}/conmon", Owner(pod=Pod(B))),
]  # fmt: skip
KUBERNETES = [
    *((f"/kubepods{qos}/pod{UID}/{A}", container("", pod=Pod(UID))) for qos in ("", "/besteffort", "/burstable")),
    *((f"/kubepods.slice/{slices}{A}.scope", container("containerd", pod=Pod(UID))) for slices in (
        f"kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/cri-containerd-",
        f"kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice/cri-containerd-",
        f"kubepods-pod{UID_}.slice/cri-containerd-")),
    (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice/docker-{A}.scope",
     container("docker", pod=Pod(UID))),
    (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-{A}.scope",
     container("crio", pod=Pod(UID))),
    (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-{A}.scope/container",
     container("crio", pod=Pod(UID))),
    (f"/kubepods/besteffort/pod{UID}/crio-{A}", container("crio", pod=Pod(UID))),
    (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice/cri-containerd-{A}.scope",
     container("containerd", pod=Pod(STATIC))),
    (f"/system.slice/containerd.service/kubepods-besteffort-pod{UID_}.slice:cri-containerd:{A}",
     container("containerd", unit="containerd.service", pod=Pod(UID))),
    (f"/docker/{B}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UID_}.slice/cri-containerd-{A}.scope",
     container("containerd", pod=Pod(UID))),
    (f"/kubepods.slice/kubepods-pod{UID_}.slice/crio-conmon-{A}.scope",
     Owner(f"crio-conmon-{A}.scope", pod=Pod(UID))),
    ("/kubepods/besteffort", NOBODY),
]  # fmt: skip
OTHERS = [
    (f"/default/{A}", container("")),
    (f"/system.slice/nerdctl-{A}.scope", container("containerd")),
    ("/lxc/web", container("lxc", "web")),
    ("/lxc/web/system.slice/nginx.service", container("lxc", "web", unit="nginx.service")),
    ("/lxc.payload.c1", container("lxc", "c1")),
    ("/lxc.payload.c1/init.scope", container("lxc", "c1", unit="init.scope")),
    ("/lxc.monitor.c1", NOBODY),
    ("/machine.slice/machine-deb12.scope", container("machine", "deb12")),
    (r"/machine.slice/machine-qemu\x2d1\x2dvm.scope", container("machine", "qemu-1-vm")),
    ("/machine.slice/systemd-nspawn@deb12.service/payload",
     container("machine", "deb12", unit="systemd-nspawn@deb12.service")),
    ("/machine.slice/systemd-nspawn@deb12.service/payload/system.slice/ssh.service",
     container("machine", "deb12", unit="ssh.service")),
]  # fmt: skip
NOBODYS = [
    "", "/", "/system.slice", "/process_api/9c23ebddd3257c31252ba3e877017d32", "/my/own/group", "/nginx.services",
    f"/docker/{A[:63]}", f"/docker/{A}0", f"/docker/{A.upper()}", "/pod", f"/pod{UID}x", "/.service", "/lxc/",
    "/system.slice/a b.service",
]  # fmt: skip


@pytest.mark.parametrize(("path", "owner"), [*SYSTEMD, *DOCKER, *PODMAN, *KUBERNETES, *OTHERS])
def test_the_owner_of_a_path(path: str, owner: Owner) -> None:
    assert owner_of_path(path) == owner


@pytest.mark.parametrize("path", NOBODYS)
def test_where_there_is_none_nothing_is_invented(path: str) -> None:
    assert owner_of_path(path) == NOBODY


@given(st.text())
def test_any_path_is_somebodys_or_nobodys(path: str) -> None:
    assert isinstance(owner_of_path(path), Owner)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    path = b"/lxc/a\xffb".decode("utf-8", "surrogateescape")
    assert owner_of_path(path) == container("lxc", r"a\xffb")


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("0::/system.slice/nginx.service\n", Owner("nginx.service")),
        # v1: Docker with the cgroupfs driver
        (f"12:pids:/docker/{A}\n5:cpu,cpuacct:/docker/{A}\n1:name=systemd:/docker/{A}\n", container("docker")),
        # hybrid: the container is in the hierarchies of v1 only, and the unified one names its daemon
        (f"5:pids:/docker/{A}\n0::/system.slice/docker.service\n", container("docker")),
        # v1 with systemd: only its own hierarchy has the unit
        ("5:pids:/\n1:name=systemd:/system.slice/ssh.service\n", Owner("ssh.service")),
        ("5:pids:/system.slice/cron.service\n1:name=systemd:/system.slice/ssh.service\n", Owner("ssh.service")),
        # another hierarchy's groups are not the unit's
        ("9:name=systemd:/\n4:memory:/process_api/9c23ebddd3257c31252ba3e877017d32\n0::/\n", NOBODY),
        ("", NOBODY),
        ("nonsense\n1:2\n", NOBODY),
        ("1:name=a:b:/docker\n", NOBODY),
    ],
)
def test_the_owner_of_a_file(text: str, owner: Owner) -> None:
    assert owner_of_file(text) == owner


def test_the_path_of_v2() -> None:
    assert unified_path("5:pids:/a\n0::/b:c\n") == "/b:c"
    assert unified_path("5:pids:/a\n") is None
