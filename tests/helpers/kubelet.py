"""A small kubelet: the list of pods that it answers with, by TLS, to whoever has the token."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import trustme

from listenwatch.exporter.kubelet import Source
from tests.helpers.serving import serving

TOKEN = "eyJhbGciOiJSUzI1NiJ9.of.a-test"


def pod(uid: str, name: str, namespace: str, **annotations: str) -> dict[str, Any]:
    """An item of the list, with the parts that a real one has too."""
    return {
        "metadata": {
            "name": name, "namespace": namespace, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "web"}, "annotations": {"kubernetes.io/config.source": "api", **annotations},
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": "nginx", "image": "nginx", "resources": {}}]},
        "status": {"phase": "Running", "podIP": "10.244.0.7", "qosClass": "BestEffort"},
    }  # fmt: skip


class Kubelet:
    """``body`` is what it answers, ``asked`` how often it was asked by somebody with the token."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self._pem, token, trusted = folder / "kubelet.pem", folder / "token", folder / "ca.crt"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(self._pem)
        authority.cert_pem.write_to_path(trusted)
        token.write_text(f"{TOKEN}\n")
        self.asked = 0
        self.body = b""
        self.has(pod("uid-0", "dns", "kube-system"))
        kubelet = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                allowed = self.path == "/pods" and self.headers["Authorization"] == f"Bearer {TOKEN}"
                kubelet.asked += allowed
                self.send_response(200 if allowed else 403)
                self.end_headers()
                self.wfile.write(kubelet.body if allowed else b"Forbidden")

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = HTTPServer(("localhost", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.source = Source(f"https://localhost:{self.server.server_port}/pods", token, trusted)

    def has(self, *pods: dict[str, Any]) -> None:
        self.body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(pods)}).encode()


@contextmanager
def kubelet(folder: Path) -> Iterator[Kubelet]:
    """One that runs."""
    running = Kubelet(folder)
    with serving(running.server):
        yield running
