"""Names of containers from the files of their runtimes, and from files that a user put in their place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from listenwatch.linux import container_names
from listenwatch.linux.cgroup_owner import Container, Owner, Pod
from listenwatch.linux.container_names import with_names

ID = 64 * "a"
DOCKER = f"var/lib/docker/containers/{ID}/config.v2.json"
STORAGE = "var/lib/containers/storage/overlay-containers/containers.json"
TASK = f"run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json"
NAMES = [{"id": 64 * "c"}, {"id": 64 * "b", "names": ["other"]}, {"id": ID, "names": ["web", "alias"]}]


def put(root: Path, file: str, content: Any) -> Path:
    path = root / file
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def named(root: Path, runtime: str, pod: Pod | None = None, user: int | None = None) -> Owner:
    return with_names(Owner(container=Container(runtime, ID), pod=pod, user=user), root)


@pytest.mark.parametrize(
    ("file", "content", "runtime", "expected"),
    [
        (DOCKER, {"ID": ID, "Name": "/web"}, "docker", Container("docker", ID, "web")),
        (DOCKER, {"ID": ID, "Name": "/web"}, "", Container("docker", ID, "web")),
        (STORAGE, NAMES, "podman", Container("podman", ID, "web")),
        (STORAGE.replace("overlay", "vfs"), NAMES, "podman", Container("podman", ID, "web")),
        (TASK, {"annotations": {"nerdctl/name": "web"}}, "containerd", Container("containerd", ID, "web")),
        (TASK, {"annotations": {"nerdctl/name": "web"}}, "", Container("containerd", ID, "web")),
        (TASK, {"annotations": {}}, "", Container("containerd", ID)),
    ],
)
def test_the_name(tmp_path: Path, file: str, content: Any, runtime: str, expected: Container) -> None:
    put(tmp_path, file, content)
    assert named(tmp_path, runtime).container == expected


def test_kubernetes_names_the_pod_too(tmp_path: Path) -> None:
    notes = {"io.kubernetes.cri.container-name": "nginx", "io.kubernetes.cri.sandbox-name": "web-7d4b"}
    notes["io.kubernetes.cri.sandbox-namespace"] = "shop"
    put(tmp_path, TASK, {"annotations": notes})
    owner = named(tmp_path, "", Pod("uid"))
    assert owner == Owner(container=Container("containerd", ID, "nginx"), pod=Pod("uid", "web-7d4b", "shop"))


def test_cri_o_has_both_in_one_name(tmp_path: Path) -> None:
    put(tmp_path, STORAGE, [{"id": ID, "names": ["k8s_nginx_web-7d4b_default_0123_0"]}])
    owner = named(tmp_path, "crio", Pod("uid"))
    assert owner == Owner(container=Container("crio", ID, "nginx"), pod=Pod("uid", "web-7d4b", "default"))


def test_a_users_own_podman(tmp_path: Path) -> None:
    home = Path("root/.local/share/containers/storage/overlay-containers/containers.json")
    put(tmp_path, str(home), NAMES)
    assert named(tmp_path, "podman").container == Container("podman", ID)
    assert named(tmp_path, "podman", user=0).container == Container("podman", ID, "web")
    assert named(tmp_path, "podman", user=4294967295).container == Container("podman", ID)


def test_a_list_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = put(tmp_path, STORAGE, [])
    assert named(tmp_path, "podman").container == Container("podman", ID)
    path.write_text(json.dumps(NAMES))
    os.utime(path, ns=(1, 1))
    assert named(tmp_path, "podman").container == Container("podman", ID, "web")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '"x"', "3", "{}", '{"Name": 3}', '{"Name": null}', "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
@pytest.mark.parametrize(("file", "runtime"), [(DOCKER, "docker"), (STORAGE, "podman"), (TASK, "containerd")])
def test_what_cannot_be_read_is_no_name(tmp_path: Path, file: str, runtime: str, content: str) -> None:
    put(tmp_path, file, content)
    assert named(tmp_path, runtime).container == Container(runtime, ID)


@pytest.mark.parametrize("notes", [3, [], {"nerdctl/name": 3}, {"nerdctl/name": "x", "io.kubernetes.cri.sandbox-name": []}])
def test_notes_of_another_form_are_no_name(tmp_path: Path, notes: Any) -> None:
    put(tmp_path, TASK, {"annotations": notes})
    assert named(tmp_path, "containerd").container == Container("containerd", ID)


def test_a_name_has_an_end(tmp_path: Path) -> None:
    put(tmp_path, STORAGE, [{"id": ID, "names": ["x" * 1000]}])
    assert named(tmp_path, "podman").container == Container("podman", ID, "x" * 255)


@pytest.mark.parametrize("content", [[{"id": ID, "names": [3]}], [3], [{"id": ID, "names": 3}], [{"names": ["x"]}], [{"id": [], "names": ["x"]}]])
def test_a_list_of_another_form_is_no_name(tmp_path: Path, content: Any) -> None:
    put(tmp_path, STORAGE, content)
    assert named(tmp_path, "podman").container == Container("podman", ID)


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "large"])
def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, STORAGE, NAMES)
    if kind == "large":
        monkeypatch.setattr(container_names, "_LARGEST", 10)
    else:
        path.rename(tmp_path / "elsewhere")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    assert named(tmp_path, "podman").container == Container("podman", ID)


def test_machines_and_lxc_have_no_other_name(tmp_path: Path) -> None:
    owner = Owner(container=Container("lxc", "web"))
    assert with_names(owner, tmp_path) is owner
    assert with_names(Owner("nginx.service"), tmp_path) == Owner("nginx.service")
