"""The HTTP server as a client meets it: what it gives, to whom, and that nobody can hold it."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from listenwatch.errors import UsageError
from listenwatch.exporter import metrics, server
from listenwatch.exporter.desk import Busy
from listenwatch.exporter.samples import Sample
from listenwatch.exporter.server import Access, Server, password_in

ALLOWED = {"Authorization": "Basic " + base64.b64encode(b"prom:se:cret").decode()}
OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
PATIENCE = 60
ANYBODY = Access()


def five() -> Iterable[Sample]:
    return [(metrics.LISTENERS, (), 5)]


def busy() -> Iterable[Sample]:
    raise Busy


@contextmanager
def serving(access: Access = ANYBODY, take: Callable[[], Iterable[Sample]] = five) -> Iterator[int]:
    here = Server("127.0.0.1", 0, access, take)
    here.start()
    try:
        yield here.server_port
    finally:
        here.stop()


def get(port: int, path: str = "/metrics", headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_both_formats() -> None:
    with serving() as port:
        status, text = get(port)
        assert status == 200 and "\nlistenwatch_listeners 5.0\n" in text
        status, text = get(port, headers=OPEN_METRICS)
    names = {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert status == 200 and {metric.name for metric in metrics.METRICS} <= names


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("GET", "/-/healthy", 200), ("GET", "/etc/passwd", 404), ("POST", "/metrics", 405), ("DELETE", "/", 405)],
)
def test_it_only_reads(method: str, path: str, status: int) -> None:
    with serving() as port:
        assert get(port, path, method=method)[0] == status


def test_no_answer_in_time_is_said() -> None:
    with serving(take=busy) as port:
        assert get(port)[0] == 503


def test_a_password() -> None:
    with serving(Access(password="prom:se:cret")) as port:
        assert get(port)[0] == 401
        assert get(port, headers={"Authorization": "Basic " + base64.b64encode(b"prom:se").decode()})[0] == 401
        assert get(port, headers={"Authorization": "Basic ?"})[0] == 401
        assert get(port, headers=ALLOWED)[0] == 200


def test_a_password_file_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("prom:se:cret\n")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        password_in(str(file))
    file.chmod(0o600)
    assert password_in(str(file)) == "prom:se:cret"
    file.write_text("prom")
    with pytest.raises(UsageError, match="USER:PASSWORD"):
        password_in(str(file))
    with pytest.raises(UsageError, match="No such file"):
        password_in(str(tmp_path / "nowhere"))


def test_a_password_file_may_be_a_credential_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given to a unit's user by an access control list, whose mask is where the mode has the group's bits (systemd 255 and later)."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "password"
    file.write_text("prom:se:cret\n")
    file.chmod(0o440)
    assert password_in(str(file)) == "prom:se:cret"
    file.chmod(0o444)
    with pytest.raises(UsageError, match="others may read"):
        password_in(str(file))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "another"))
    file.chmod(0o440)
    with pytest.raises(UsageError, match="others may read"):
        password_in(str(file))


def test_tls_and_a_clients_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    pem, ca = tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(ca)
    context = ssl.create_default_context(cafile=str(ca))

    def status(port: int) -> int:
        connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)
        with closing(connection):
            connection.request("GET", "/metrics")
            return connection.getresponse().status

    with serving(Access(str(pem))) as port:
        assert status(port) == 200
        with pytest.raises((OSError, http.client.HTTPException)):
            get(port)
        assert status(port) == 200
    with serving(Access(str(pem), None, str(ca))) as port:
        with pytest.raises((OSError, http.client.HTTPException)):
            status(port)
        authority.issue_cert("prometheus").configure_cert(context)
        assert status(port) == 200
    with pytest.raises(UsageError, match="certificate"):
        Server("127.0.0.1", 0, Access(str(ca)), five)


def test_more_connections_than_it_serves_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 2)
    with serving() as port:
        held = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(2)]
        for client in held:
            client.sendall(b"GET /")
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as third:
            assert third.recv(1) == b""
        for client in held:
            client.close()


def test_a_client_that_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONGEST", 0.0)
    with serving() as port, socket.create_connection(("127.0.0.1", port), PATIENCE) as slow:
        slow.sendall(b"GET /metr")
        assert slow.recv(1) == b""
