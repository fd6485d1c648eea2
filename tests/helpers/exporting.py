"""``listenwatch exporter`` as a child process, and a real Prometheus that scrapes it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests import ROOT
from tests.helpers.listening import inside
from tests.helpers.prompted import Prompted, prompted
from tests.helpers.watching import PATIENCE, Watching, needs, watching

OVERFLOWS = "listenwatch_listener_overflows_total"
RULES = ROOT / "deploy/prometheus/listenwatch.rules.yml"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
_T = TypeVar("_T")


def until(look: Callable[[], _T | None], what: str) -> _T:
    """What ``look`` gives, once that is something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (result := look()) is not None:
            return result
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come in {PATIENCE} s")


def fetch(url: str, accept: str = OPEN_METRICS) -> str:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        self.samples = [sample for family in families for sample in family.samples]

    def values(self, name: str, **labels: str) -> dict[str, float]:
        """Of a metric, those with these labels, by what they are called (the label that ``name`` gives after a colon)."""
        metric, _, by = name.partition(":")
        return {
            sample.labels.get(by, ""): sample.value
            for sample in self.samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        }

    def sum(self, name: str, **labels: str) -> float:
        return float(sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()))

    def labels(self, name: str, **labels: str) -> list[dict[str, str]]:
        return [s.labels for s in self.samples if s.name == name and labels.items() <= s.labels.items()]


def equals_the_kernel(scrape: Scrape, netns: int, moved: dict[str, int]) -> None:
    """Of a namespace: kernel, attributed and the listeners' counts, to the unit."""
    labels = {"netns": str(netns)}
    attributed = scrape.values("listenwatch_namespace_attributed_total:counter", **labels)
    assert {name: value for name, value in attributed.items() if value} == {n: moved[n] for n in attributed if moved.get(n)}
    assert scrape.values("listenwatch_namespace_kernel_total:counter", **labels) == attributed
    assert set(scrape.values("listenwatch_namespace_difference:counter", **labels).values()) <= {0}


def refusing(way: str) -> AbstractContextManager[Prompted]:
    """tests/helpers/refusals.py, ready to begin."""
    return prompted("tests.helpers.refusals", way)


class Exporting:
    """A running exporter; ``url`` is where it serves."""

    def __init__(self, watch: Watching) -> None:
        self.watch = watch
        (self.url,) = re.findall(r"https?://\S+", watch.first)

    def scrape(self) -> Scrape:
        return Scrape(fetch(self.url))


@contextmanager
def exporting(
    *arguments: str, before: Callable[[], None] | None = None, within: Sequence[str] = ()
) -> Iterator[Exporting]:
    """On a port of the kernel's choice; ``before`` is called in its process first, ``within`` a command line that runs it."""
    options = ("--listen", "127.0.0.1:0", *arguments)
    with watching(*options, before=before, command="exporter", within=within) as watch:
        yield Exporting(watch)


class Inside:
    """An exporter that serves in the network namespace of this process, once it does."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self._port = pid, port
        until(lambda: self._get("/-/healthy"), "the exporter")

    def _get(self, path: str) -> str | None:
        with inside(f"/proc/{self.pid}/ns/net"):
            try:
                return fetch(f"http://127.0.0.1:{self._port}{path}")
            except OSError:
                return None

    def scrape(self) -> Scrape:
        return Scrape(self._get("/metrics") or "")


class Prometheus:
    """A real one, asked by its API."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid

    def get(self, path: str, **parameters: str) -> Any:
        try:
            answer = json.loads(fetch(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The instant vector of an expression now."""
        result = self.get("query", query=expression)["result"]
        return [(row["metric"], float(row["value"][1])) for row in result]

    def firing(self, alert: str) -> list[dict[str, str]]:
        """The labels of each alert of that name that fires."""
        alerts = self.get("alerts")["alerts"]
        return [a["labels"] for a in alerts if a["labels"]["alertname"] == alert and a["state"] == "firing"]

    def fired(self, alert: str) -> list[dict[str, str]]:
        """Of those that fired at any time, also where they have ended."""
        return [labels for labels, _ in self.query(f'last_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[10m])')]


def fast_rules() -> str:
    """The rules as they are shipped, with seconds for minutes."""
    text = re.sub(r"for: \d+[mh]", "for: 0s", RULES.read_text())
    return re.sub(r"(\[|offset )\d+m", r"\g<1>4s", text)


@contextmanager
def prometheus(folder: Path, *targets: str | dict[str, Any], interval: str = "1s") -> Iterator[Prometheus]:
    """One that scrapes these (host:port, or with labels), with the rules of deploy/."""
    groups = [{"targets": [target]} if isinstance(target, str) else target for target in targets]
    (folder / "rules.yml").write_text(fast_rules())
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
        "rule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: listenwatch, honor_labels: true, static_configs: {json.dumps(groups)}}}]\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [needs("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={place}"],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        until(lambda: _is_ready(f"http://{place}/-/ready", server, folder / "log"), "Prometheus")
        yield Prometheus(f"http://{place}", server.pid)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _is_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> bool | None:
    assert server.poll() is None, log.read_text()
    try:
        fetch(url)
    except OSError:
        return None
    return True
