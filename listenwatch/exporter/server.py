"""The HTTP server: read only, so many connections at a time, so many seconds for each; TLS and a password if asked for."""

import base64
import contextlib
import hmac
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from listenwatch.errors import UsageError
from listenwatch.exporter.desk import Busy
from listenwatch.exporter.exposition import registry_of
from listenwatch.exporter.samples import Sample

CONNECTIONS = 16
"""How many are served at a time; more are closed."""
SILENCE, LONGEST = 10.0, 60.0
"""Seconds that a client may be silent, and that its connection may last."""
_PAGE = b"<html><head><title>listenwatch</title></head><body><h1>listenwatch</h1><a href=\"/metrics\">metrics</a></body></html>\n"

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Access(NamedTuple):
    """Who may scrape. ``password`` is ``user:password``, None for anybody; clients need a certificate of ``client_ca`` if given."""

    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    password: str | None = None


class Server(ThreadingMixIn, WSGIServer):
    """Listens from its creation on, and serves from ``start`` on, in threads."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, access: Access, take: Callable[[], Iterable[Sample]]) -> None:
        """OSError where it cannot listen there; UsageError where a certificate is none."""
        self._tls = _context(access) if access.certificate else None
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._begun: dict[Any, float] = {}
        place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self.address_family = place[0]
        super().__init__(place[4][:2], _Handler)  # type: ignore[arg-type]  # of IPv6 four values
        self.set_app(_app(take, access.password))

    def server_bind(self) -> None:
        """Without asking a name server who we are."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "listenwatch", self.server_address[1]
        self.setup_environ()

    def start(self) -> None:
        """Serve until ``stop``."""
        threading.Thread(target=self.serve_forever, name="http", daemon=True).start()

    def stop(self) -> None:
        """End those connections that are open, too."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for it, if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._begun[request] = time.monotonic()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The handshake is the client's time, so it is made here."""
        try:
            request.settimeout(SILENCE)
            served = self._tls.wrap_socket(request, server_side=True) if self._tls else request
            if served is not request:
                self._begun[served] = self._begun.pop(request)
            super().process_request_thread(served, client_address)
            self._begun.pop(served, None)
        except OSError:  # of TLS too: no client of ours
            self.shutdown_request(request)
        finally:
            self._begun.pop(request, None)
            self._free.release()

    def service_actions(self) -> None:
        """Twice a second: whoever takes too long is cut off."""
        for request, begun in list(self._begun.items()):
            if time.monotonic() - begun > LONGEST:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves, or talks no HTTP, is no event."""


class _Handler(WSGIRequestHandler):
    timeout = SILENCE

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a scrape is no event."""

    def get_stderr(self) -> Any:
        return _Nowhere()


class _Nowhere:
    def write(self, text: str) -> None: ...
    def flush(self) -> None: ...


def _app(take: Callable[[], Iterable[Sample]], password: str | None) -> App:
    """``/metrics`` by the library; nothing else but a page that leads there, and whether it runs."""

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def answer(status: str, text: bytes, *headers: tuple[str, str]) -> Iterable[bytes]:
            start(status, [("Content-Type", "text/html; charset=utf-8"), *headers])
            return [text]

        if password is not None and not _is_allowed(environ, password):
            return answer("401 Unauthorized", b"a password is needed\n", ("WWW-Authenticate", 'Basic realm="listenwatch"'))
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
            return answer("405 Method Not Allowed", b"only GET\n", ("Allow", "GET, HEAD, OPTIONS"))
        if environ["PATH_INFO"] == "/":
            return answer("200 OK", _PAGE)
        if environ["PATH_INFO"] == "/-/healthy":
            return answer("200 OK", b"ok\n")
        if environ["PATH_INFO"] != "/metrics":
            return answer("404 Not Found", b"see /metrics\n")
        try:
            samples = list(take())
        except Busy:
            return answer("503 Service Unavailable", b"no answer in time\n")
        return make_wsgi_app(registry_of(lambda: samples))(environ, start)  # type: ignore[no-any-return]

    return app


def _is_allowed(environ: dict[str, Any], password: str) -> bool:
    scheme, _, sent = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        given = base64.b64decode(sent, validate=True)
    except ValueError:
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, password.encode())


def _context(access: Access) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(access.certificate or "", access.key)
        if access.client_ca:
            context.load_verify_locations(access.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the certificate cannot be used: {error.strerror or error}") from None
    return context


def password_in(file: str) -> str:
    """The ``user:password`` in a file's first line, which nobody else may read; UsageError otherwise."""
    path = Path(file)
    try:
        if path.stat().st_mode & (0o007 if _is_credential(path) else 0o077):
            raise UsageError(f"others may read {file}: chmod 600 {file}")
        line = path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None
    user, colon, password = line.partition(":")
    if not (user and colon and password):
        raise UsageError(f"{file}: its first line has to be USER:PASSWORD")
    return line


def _is_credential(path: Path) -> bool:
    """Whether systemd put it there for this unit: by an access control list, whose mask stands where the group's bits do."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent == Path(folder)
