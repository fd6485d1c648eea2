"""``listenwatch exporter``: metrics of every listener for Prometheus, and events for a log."""

import argparse
import importlib.util
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from listenwatch.commands.addresses import PLACE, kubelet_url, otlp_url, place
from listenwatch.commands.numbers import positive_int, seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.errors import ObserveError, UsageError
from listenwatch.features.attach import open_engine, open_overflow_probe
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.privileges import (
    ENTER_NAMESPACES,
    FIND_HOLDERS,
    FIND_NAMESPACES,
    READ_MAPS,
    keep_only,
    remedy,
)  # fmt: skip
from listenwatch.linux.processes import shows_every_process
from listenwatch.linux.terminal import inform, say
from listenwatch.linux.wakeups import SignalPipe, UntilInterrupted
from listenwatch.seccomp.confinement import confine

if TYPE_CHECKING:
    from listenwatch.exporter.events import Events
    from listenwatch.exporter.exporter import Shown
    from listenwatch.exporter.kubelet import Pods
    from listenwatch.exporter.otlp import Push
    from listenwatch.exporter.samples import Sample
    from listenwatch.exporter.server import Server

EPILOG = """\
examples:
  listenwatch exporter                       http://127.0.0.1:10511/metrics
  listenwatch exporter --listen '[::]:10511' --tls-cert c.pem --tls-key k.pem
  listenwatch exporter --max-series 200      of at most so many listeners
  listenwatch exporter --events stdout       each listen() and overflow as JSON
  listenwatch exporter --events journal      to systemd's journal, with fields
  listenwatch exporter --otlp http://localhost:4318    to a collector, too

A listener is named by protocol, address, port, network namespace, command,
systemd unit, container and pod: its counters go on when its server is started
anew. Listeners without a series of their own are added up as protocol="other",
those on a port that the kernel chose as port="ephemeral" until they have been
there for a while. What is counted of a listener that comes and goes between two
scrapes is in the next one.

It needs prometheus-client (the extra 'exporter'), and keeps only the
privileges it needs once the probes are attached; a filter (seccomp) then
forbids it to start programs, write files, load anything into the kernel.

exit status: 0 ended by a signal, 2 usage, 3 could not observe, or could not
listen there"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--listen", type=place, default=PLACE, metavar="ADDRESS:PORT",
        help=f"where to serve /metrics; 0 is a port of the kernel's choice (default {PLACE})")  # fmt: skip
    access = parser.add_argument_group("access")
    access.add_argument("--tls-cert", metavar="FILE", help="serve by TLS, with this certificate (PEM)")
    access.add_argument("--tls-key", metavar="FILE", help="its key, where that is in another file")
    access.add_argument("--tls-client-ca", metavar="FILE", help="clients need a certificate of this authority")
    access.add_argument("--basic-auth", metavar="FILE",
        help="clients need a password: the file's first line is USER:PASSWORD")  # fmt: skip
    bounds = parser.add_argument_group("bounds")
    bounds.add_argument("--max-series", type=positive_int, default=1000, metavar="N",
        help="how many listeners have series of their own, some 10 each; those that refuse come first (default 1000)")  # fmt: skip
    bounds.add_argument("--interval", type=seconds, default=5.0, metavar="TIME",
        help="find out whom counts belong to at least so often, scraped or not (default 5)")  # fmt: skip
    bounds.add_argument("--forget", type=seconds, default=900.0, metavar="TIME",
        help="keep the counts of a listener that is gone for so long (default 15m)")  # fmt: skip
    bounds.add_argument("--ephemeral", type=seconds, default=60.0, metavar="TIME",
        help="until it has been there so long, a listener on a port that the kernel chose has no series (default 60)")  # fmt: skip
    add("--events", choices=("stdout", "journal"),
        help="also write each listen() and each overflow as a line of JSON, or to systemd's journal")  # fmt: skip
    add("--otlp", type=otlp_url, metavar="URL",
        help="also push the metrics by OpenTelemetry's protocol over HTTP; without a path to /v1/metrics (extra 'otlp')")  # fmt: skip
    add("--otlp-interval", type=seconds, default=60.0, metavar="TIME", help="push so often (default 60)")
    pods = parser.add_argument_group("names of pods that the container runtime's own files do not tell")
    pods.add_argument("--kubelet", type=kubelet_url, metavar="URL",
        help="ask the kubelet there; without a path for /pods. Or another list of pods, such as the API server's")  # fmt: skip
    pods.add_argument("--kubelet-token", type=Path, metavar="FILE", help="with this token (default: the service account's)")
    pods.add_argument("--kubelet-ca", type=Path, metavar="FILE",
        help="trust this authority (default: the service account's, or else the machine's)")  # fmt: skip
    add("--duration", type=seconds, metavar="TIME", help="end after so many seconds, or a time such as 5m")
    add("-v", "--verbose", action="store_true", help="on errors show the verifier's log")
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal or the duration ends it."""
    _needs("prometheus_client", "prometheus-client", "exporter")
    if options.otlp:
        _needs("opentelemetry.exporter.otlp.proto.http", "OpenTelemetry's SDK", "otlp")
    from listenwatch.exporter.exporter import Bounds, Exporter
    from listenwatch.exporter.server import Access, Server, password_in

    if (options.tls_key or options.tls_client_ca) and not options.tls_cert:
        raise UsageError("--tls-key and --tls-client-ca need --tls-cert")
    password = password_in(options.basic_auth) if options.basic_auth else None
    access = Access(options.tls_cert, options.tls_key, options.tls_client_ca, password)
    bounds = Bounds(options.max_series, options.interval, options.forget, options.ephemeral)
    kernel = running_kernel()
    with ExitStack() as stack:
        signals = stack.enter_context(closing(SignalPipe()))
        shown, events = _shown(options.events)
        engine = stack.enter_context(open_engine("core", "auto", follow=False))
        probe = stack.enter_context(closing(open_overflow_probe()))
        pods = _pods(options)
        exporter = Exporter(engine, probe, kernel, bounds, shown, pods.named if pods else None)
        server = _listening(options.listen, partial(Server, access=access, take=exporter.desk.ask))
        stack.callback(server.server_close)
        push = _pushing(options.otlp, options.otlp_interval, exporter.desk.ask) if options.otlp else None
        keep_only({*READ_MAPS, *FIND_NAMESPACES, *FIND_HOLDERS, *ENTER_NAMESPACES})
        _say_what_is_not_seen()
        _confine()
        if events:
            events.start()
            stack.callback(events.close)
        stack.enter_context(exporter)
        server.start()
        stack.callback(server.stop)
        for thread in (push, pods):
            if thread:
                thread.start()
                stack.callback(thread.stop)
        url = _url(server.server_address, tls=bool(access.certificate))
        inform(f"watching every listener on Linux {kernel.release}, serving {url}")
        exporter.run(UntilInterrupted(signals, options.duration))
    return 0


def _say_what_is_not_seen() -> None:
    if then := remedy((*FIND_HOLDERS, *ENTER_NAMESPACES)):
        say(f"not everything can be seen: {then}")
    if not shows_every_process():
        say("processes outside of this pid namespace, and the network namespaces they live in, cannot be looked at: "
            "run it in the machine's own (hostPID: true, --pid=host)")  # fmt: skip


def _confine() -> None:
    """From now on it only watches; without the filter too, where the kernel has none."""
    try:
        confine()
    except OSError as error:
        say(f"no filter forbids what an exporter has no need of: {error.strerror}")


def _needs(module: str, name: str, extra: str) -> None:
    try:
        there = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that it is in
        there = False
    if not there:
        raise ObserveError(f"{name} is not installed: pip install 'listenwatch[{extra}]'")


def _pushing(url: str, interval: float, take: "Callable[[], Iterable[Sample]]") -> "Push":
    from listenwatch.exporter.otlp import Push, Receiver

    return Push(
        Receiver(url, interval, lambda: say(f"no metrics arrive at {url}"), lambda: say(f"metrics arrive at {url} again")), take
    )


def _pods(options: argparse.Namespace) -> "Pods | None":
    """Who names pods, with the list of this moment."""
    from listenwatch.exporter.kubelet import Pods, Source

    url = options.kubelet
    if not url:
        return None
    files = {"token": options.kubelet_token, "authority": options.kubelet_ca}
    source = Source(url, **{name: file for name, file in files.items() if file})
    pods = Pods(source, lambda why: say(f"no names of pods from {url}: {why}"), lambda: say(f"names of pods come from {url} again"))
    pods.refresh()
    return pods


def _listening(where: tuple[str, int], server: "Callable[[str, int], Server]") -> "Server":
    host, port = where
    try:
        return server(host, port)
    except OSError as error:
        raise ObserveError(f"cannot listen on {host}:{port}: {error.strerror or error}: choose another by --listen") from None


def _url(address: Any, *, tls: bool) -> str:
    host, port = address[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/metrics"


def _shown(wanted: str | None) -> "tuple[Shown, Events | None]":
    """Who is told of events, and what writes them."""
    from listenwatch.exporter.events import Events, to_journal, to_stdout
    from listenwatch.exporter.exporter import Shown

    if wanted is None:
        return Shown(), None
    from listenwatch.call import codec
    from listenwatch.report.call_json import judged_to_json
    from listenwatch.report.overflow_json import event_line

    codec.load()
    events = Events(to_journal() if wanted == "journal" else to_stdout)
    return Shown(
        lambda call, verdict: events.put(judged_to_json(call, verdict)),
        lambda event: events.put(event_line(event)),
        lambda: events.dropped,
    ), events
