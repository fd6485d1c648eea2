"""The pod of the DaemonSet, run by podman with the capabilities of its manifest and no others: names and counts of the host's listeners."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from listenwatch.linux.privileges import CAPABILITIES
from tests import ROOT
from tests.helpers.exporting import OVERFLOWS, Inside, Scrape, equals_the_kernel, refusing, until
from tests.helpers.listening import fill, inside, until_one
from tests.helpers.podman import container, image, pod
from tests.helpers.watching import needs_kernel

pytestmark = pytest.mark.kernel

PORT = 10511
DAEMON_SET = ROOT / "deploy/kubernetes/daemonset.yaml"
GIVEN_UP = "PERFMON"
"""Once the probes are attached; the manifest says so."""


@pytest.fixture(scope="module")
def busybox() -> Iterator[str]:
    needs_kernel()
    with image() as name:
        yield name


def manifest(of: str) -> dict[str, Any]:
    """The pod of the DaemonSet with this image, and Podman's files where containerd's are, as its comment has it.

    Without what needs a network or systemd: the published port, and the probes.
    """
    template = yaml.safe_load(DAEMON_SET.read_text())["spec"]["template"]
    spec = template["spec"]
    (exporter,) = spec["containers"]
    exporter |= {"image": of, "imagePullPolicy": "Never"}
    assert exporter.pop("ports") == [{"name": "metrics", "containerPort": PORT}]
    for probe in ("livenessProbe", "readinessProbe"):
        assert exporter.pop(probe)["httpGet"]["path"] == "/-/healthy"
    for volume in exporter["volumeMounts"], spec["volumes"]:
        assert volume[1]["name"] == "containerd"
    exporter["volumeMounts"][1]["mountPath"] = spec["volumes"][1]["hostPath"]["path"] = "/var/lib/containers"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"lw-pod-{os.getpid()}"}, "spec": spec}


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def naming(exporter: Inside, netns: int) -> tuple[Scrape, dict[str, str]]:
    """A scrape once it names who refuses in a namespace, and the names."""

    def look() -> tuple[Scrape, dict[str, str]] | None:
        scrape = exporter.scrape()
        names = scrape.labels(OVERFLOWS, netns=str(netns), reason="syn_accept_queue_full")
        return (scrape, names[0]) if names else None

    return until(look, "who refuses")


def mask(capabilities: set[str]) -> int:
    return sum(1 << CAPABILITIES[f"CAP_{name}"] for name in capabilities)


@pytest.fixture(scope="module")
def played(shipped_image: str, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with pod(manifest(shipped_image), busybox, tmp_path_factory.mktemp("pod")) as pid:
        yield Inside(pid, PORT)


def test_it_has_the_privileges_of_the_manifest_and_no_others(played: Inside) -> None:
    """As the kernel has them of the running process."""
    security = manifest("")["spec"]["containers"][0]["securityContext"]
    given, has = set(security["capabilities"]["add"]), status(played.pid)
    assert int(has["CapBnd"], 16) == mask(given)
    assert int(has["CapEff"], 16) == int(has["CapPrm"], 16) == mask(given - {GIVEN_UP})
    assert int(has["CapInh"], 16) == int(has["CapAmb"], 16) == 0
    assert has["NoNewPrivs"] == "1" and has["Seccomp"] == "2"
    assert set(has["Uid"].split()) == {str(security["runAsUser"])}
    assert os.statvfs(f"/proc/{played.pid}/root").f_flag & os.ST_RDONLY


def test_it_names_and_counts_who_refuses_on_the_host(played: Inside) -> None:
    with refusing("syn_accept_queue_full") as refuser:
        done = refuser.go()
        scrape, names = naming(played, refuser.netns)
    assert names["command"].startswith("python")
    assert scrape.sum(OVERFLOWS, netns=str(refuser.netns)) == done["times"] > 0
    equals_the_kernel(scrape, refuser.netns, done["moved"])


def test_it_names_another_container(played: Inside, busybox: str) -> None:
    name = f"lw-refusing-{os.getpid()}"
    with container(busybox, name, "/bin/httpd", "-f", "-p", "127.0.0.1:8080") as pid:
        path = f"/proc/{pid}/ns/net"
        capacity, netns = until_one(path)["capacity"], os.stat(path).st_ino  # noqa: PTH116
        os.kill(pid, signal.SIGSTOP)
        with inside(path):
            clients, moved = fill(8080, capacity + 5, refused=5)
        for client in clients:
            client.close()
        scrape, names = naming(played, netns)
    assert (names["command"], names["container"]) == ("httpd", name)
    assert scrape.sum(OVERFLOWS, netns=str(netns)) == moved["ListenOverflows"] > 0
    equals_the_kernel(scrape, netns, moved)
