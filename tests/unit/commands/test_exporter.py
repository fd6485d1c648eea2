"""What ``listenwatch exporter`` says of a wrong command line, and of a library that is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from listenwatch import cli
from listenwatch.commands import addresses


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    try:
        status = cli.main(["exporter", *arguments])
    except SystemExit as end:
        status = int(end.code or 0)
    return status, capsys.readouterr().err.splitlines()[-1]


def test_a_missing_library_is_named_with_its_extra(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, line = said(capsys)
    assert (status, line) == (3, "listenwatch: prometheus-client is not installed: pip install 'listenwatch[exporter]'")


def test_opentelemetry_is_asked_for_only_where_it_is_wanted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without(name: str) -> object:
        if name.startswith("opentelemetry."):
            raise ModuleNotFoundError(name)
        return find(name)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    status, line = said(capsys, "--otlp", "http://localhost:4318")
    assert (status, line) == (3, "listenwatch: OpenTelemetry's SDK is not installed: pip install 'listenwatch[otlp]'")
    status, line = said(capsys, "--tls-key", "key.pem")
    assert status == 2 and "OpenTelemetry" not in line


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/metrics"), ("https://[::1]:4318/", "https://[::1]:4318/v1/metrics"),
        ("http://c/otlp/v1/metrics", "http://c/otlp/v1/metrics"),
    ],
)  # fmt: skip
def test_where_to_push(text: str, url: str) -> None:
    assert addresses.otlp_url(text) == url


def test_whom_to_ask_for_pods() -> None:
    assert addresses.kubelet_url("https://10.0.0.7:10250") == "https://10.0.0.7:10250/pods"
    url = "https://kubernetes.default.svc/api/v1/pods?fieldSelector=spec.nodeName%3Da"
    assert addresses.kubelet_url(url) == url


@pytest.mark.parametrize("text", ["localhost:4318", "grpc://localhost:4317", "http://", "http://c:x", "http://[::1"])
def test_where_it_cannot_push(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, line = said(capsys, "--otlp", text)
    assert status == 2 and "not a URL such as" in line


@pytest.mark.parametrize(
    ("text", "where"), [("127.0.0.1:10511", ("127.0.0.1", 10511)), ("[::1]:0", ("::1", 0)), (addresses.PLACE, ("127.0.0.1", 10511))]
)
def test_where_to_listen(text: str, where: tuple[str, int]) -> None:
    assert addresses.place(text) == where


@pytest.mark.parametrize("text", ["10511", ":10511", "localhost:", "localhost:65536", "localhost:http", "localhost:١"])
def test_where_it_cannot_listen(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, line = said(capsys, "--listen", text)
    assert status == 2 and "not an address and a port" in line


def test_a_key_without_a_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = said(capsys, "--tls-key", "key.pem")
    assert (status, line) == (2, "listenwatch: --tls-key and --tls-client-ca need --tls-cert")


def test_a_password_that_others_may_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("a:b")
    file.chmod(0o644)
    status, line = said(capsys, "--basic-auth", str(file))
    assert status == 2 and line.endswith(f"chmod 600 {file}")
