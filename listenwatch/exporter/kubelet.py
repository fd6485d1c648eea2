"""Names of pods by the list that a node's kubelet serves (``/pods``), or the API server: by UID, as a cgroup's path has it."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from listenwatch.linux.cgroup_owner import Pod

IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod has the token of its service account, and the certificate of the cluster's authority."""
LARGEST = 1 << 25
"""Bytes of an answer."""
SILENCE, LONGEST = 3.0, 10.0
"""Seconds that the kubelet may be silent, and that its answer may take."""
MOST = 10_000
"""UIDs that are remembered not to be in the list, such as those of Podman's pods."""
REST = 5.0
"""Seconds from one request to the next, whatever pods come."""
_METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io, application/json"
"""The API server then leaves out all but names; a kubelet does not know it."""
_OF_STATIC = "kubernetes.io/config.mirror", "kubernetes.io/config.hash"
"""Annotations with the UID that a static pod's cgroup has, which the API server's own is not."""


class Source(NamedTuple):
    """Where the list is, and files with the token, which HTTP without TLS does not get, and with the certificate to trust."""

    url: str
    token: Path = IN_CLUSTER / "token"
    authority: Path = IN_CLUSTER / "ca.crt"


class Pods:
    """``named`` from any thread, which never waits: a thread asks for pods that are not known, from ``start`` to ``stop``.

    ``failed`` is called with the reason once when no list comes, ``recovered`` once when it does again.
    """

    def __init__(self, source: Source, failed: Callable[[str], None], recovered: Callable[[], None]) -> None:
        self._source, self._failed, self._recovered = source, failed, recovered
        self._pods: dict[str, Pod] = {}
        self._asked_for, self._missing = set[str](), set[str]()
        self._fails = False
        self._wanted, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)

    def named(self, pod: Pod) -> Pod:
        """The pod with its name and namespace, or as it is."""
        if pod.name and pod.namespace:
            return pod
        known = self._pods.get(pod.id)
        if known is None and pod.id not in self._missing:
            self._asked_for.add(pod.id)
            self._wanted.set()
        return known or pod

    def refresh(self) -> None:
        """Ask now."""
        self._wanted.clear()
        asked_for, self._asked_for = self._asked_for, set()
        try:
            self._pods = fetch(self._source)
            self._missing = {*(self._missing if len(self._missing) < MOST else ()), *asked_for} - self._pods.keys()
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            self._tell(getattr(error, "strerror", None) or str(error) or type(error).__name__)
        else:
            self._tell("")

    def start(self) -> None:
        """Have the thread ask from now on."""
        self._thread.start()

    def stop(self) -> None:
        """What is under way is given up."""
        self._stopped.set()
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopped.wait(REST):
            self._wanted.wait()
            if not self._stopped.is_set():
                self.refresh()

    def _tell(self, error: str) -> None:
        if bool(error) != self._fails:
            self._fails = bool(error)
            self._failed(error) if error else self._recovered()


def fetch(source: Source) -> dict[str, Pod]:
    """Every pod of the list by its UID; OSError, ValueError or HTTPException where none comes."""
    url = urlsplit(source.url)
    headers = {"Accept": _METADATA, "Connection": "close"}
    if url.scheme == "https":
        authority = source.authority if source.authority.exists() else None
        context = ssl.create_default_context(cafile=authority)
        connection: HTTPConnection = HTTPSConnection(url.hostname or "", url.port, timeout=SILENCE, context=context)
        if source.token.exists():  # read each time: the kubelet renews it
            headers["Authorization"] = f"Bearer {source.token.read_text().strip()}"
    else:
        connection = HTTPConnection(url.hostname or "", url.port, timeout=SILENCE)
    with closing(connection):
        connection.request("GET", f"{url.path}?{url.query}" if url.query else url.path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.reason}")
        return dict(_pods_in(json.loads(_body(answer))))


def _body(answer: HTTPResponse) -> bytearray:
    body, until = bytearray(), time.monotonic() + LONGEST
    while more := answer.read1(1 << 16):
        body += more
        if len(body) > LARGEST:
            raise ValueError(f"its answer is longer than {LARGEST >> 20} MiB")
        if time.monotonic() > until:
            raise TimeoutError(f"its answer takes longer than {LONGEST:g} s")
    return body


def _pods_in(answer: Any) -> Iterator[tuple[str, Pod]]:
    """Of a PodList; what is none of its form is left out. ValueError where it is no list."""
    if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
        raise ValueError("its answer is no list of pods")
    for item in answer["items"]:
        with suppress(LookupError, TypeError, AttributeError):
            about = item["metadata"]
            notes = about.get("annotations") or {}
            for uid in (about["uid"], *map(notes.get, _OF_STATIC)):
                if uid:
                    yield str(uid), Pod(str(uid), str(about["name"]), str(about["namespace"]))
