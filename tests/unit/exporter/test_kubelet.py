"""Pods are named by the kubelet's list; whatever it answers, or if it does not, the exporter goes on."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from listenwatch.exporter import kubelet as asking
from listenwatch.exporter.kubelet import Pods, fetch
from listenwatch.linux.cgroup_owner import Pod
from tests.helpers.exporting import until
from tests.helpers.kubelet import Kubelet, kubelet, pod


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Kubelet]:
    with kubelet(tmp_path) as server:
        yield server


class Said:
    """What was said of failures."""

    def __init__(self, server: Kubelet) -> None:
        self.words: list[str] = []
        self.pods = Pods(server.source, self.words.append, lambda: self.words.append("again"))


def test_a_pod_gets_its_name_and_namespace(running: Kubelet) -> None:
    running.has(pod("uid-1", "web-7d4b", "shop"), pod("uid-2", "etcd-a", "kube-system", **{"kubernetes.io/config.mirror": "0123"}))
    pods = Said(running).pods
    assert pods.named(Pod("uid-1")) == Pod("uid-1")
    pods.refresh()
    assert pods.named(Pod("uid-1")) == Pod("uid-1", "web-7d4b", "shop")
    assert pods.named(Pod("0123")) == Pod("0123", "etcd-a", "kube-system")
    assert pods.named(Pod("uid-9")) == Pod("uid-9")


def test_one_that_is_not_known_is_asked_for_by_a_thread(running: Kubelet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "REST", 0.0)
    pods = Said(running).pods
    pods.refresh()
    pods.start()
    try:
        assert running.asked == 1
        running.has(pod("uid-1", "web-7d4b", "shop"))
        known = until(lambda: p if (p := pods.named(Pod("uid-1"))).name else None, "its name")
        assert known == Pod("uid-1", "web-7d4b", "shop")
    finally:
        pods.stop()


def test_one_that_is_not_in_the_list_is_asked_for_once(running: Kubelet) -> None:
    pods = Said(running).pods
    pods.named(Pod("podmans"))
    assert pods._wanted.is_set()
    pods.refresh()
    pods.named(Pod("podmans"))
    assert not pods._wanted.is_set()
    pods.named(Pod("uid-1"))
    assert pods._wanted.is_set()


BAD = (b"", b"[]", b"null", b'{"items": 3}', b"<html>", b"\xff", b"[" * 100_000, b'{"items": [' + b" " * 5000 + b"]}")


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_an_answer_that_is_no_list_is_said_once_and_what_was_known_stays(
    body: bytes, running: Kubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LARGEST", 4096)
    said = Said(running)
    said.pods.refresh()
    running.body = body
    said.pods.refresh()
    said.pods.refresh()
    assert len(said.words) == 1
    assert said.pods.named(Pod("uid-0")).name == "dns"
    running.has()
    said.pods.refresh()
    assert said.words[1:] == ["again"]


def test_items_of_another_form_are_left_out(running: Kubelet) -> None:
    running.body = b'{"items": [3, {}, {"metadata": null}, {"metadata": {"uid": "u", "name": "n", "namespace": "s", "annotations": null}}]}'
    assert fetch(running.source) == {"u": Pod("u", "n", "s")}


def test_who_may_not_and_whom_not_to_trust(running: Kubelet, tmp_path: Path) -> None:
    running.source.token.write_text("another")
    said = Said(running)
    said.pods.refresh()
    assert said.words == ["403 Forbidden"]
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(running.source._replace(authority=tmp_path / "nowhere"))


def test_the_token_goes_to_nobody_without_tls(running: Kubelet, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, str]] = []

    class Connection(HTTPConnection):
        def request(self, *_: object, headers: dict[str, str], **__: object) -> None:  # type: ignore[override]
            sent.append(headers)
            raise OSError("sent")

    monkeypatch.setattr(asking, "HTTPConnection", Connection)
    with pytest.raises(OSError, match="sent"):
        fetch(running.source._replace(url="http://localhost:10255/pods"))
    assert "Authorization" not in sent[0]


def test_nobody_there_and_an_answer_that_takes_too_long(running: Kubelet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST", -1.0)
    said = Said(running)
    said.pods.refresh()
    assert said.words == ["its answer takes longer than -1 s"]
    with pytest.raises(OSError, match="refused"):
        fetch(running.source._replace(url="https://localhost:1/pods"))
