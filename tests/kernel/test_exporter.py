"""``listenwatch exporter`` on real listeners: its counts are the kernel's, its names the right ones, its bounds kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.helpers.cgroups import cgroup
from tests.helpers.contract import fit
from tests.helpers.dashboard import queries
from tests.helpers.exporting import (
    OVERFLOWS,
    Exporting,
    Prometheus,
    Scrape,
    equals_the_kernel,
    exporting,
    fetch,
    prometheus,
    refusing,
    until,
)
from tests.helpers.kubelet import kubelet, pod
from tests.helpers.listening import fill, inside, started, until_one
from tests.helpers.otlp import labels_of, receiver, value_of
from tests.helpers.podman import container, image
from tests.helpers.refusals import KIND_OF
from tests.helpers.watching import PATIENCE, needs, needs_kernel, python, redis_server
from tests.require import require

pytestmark = pytest.mark.kernel

NAMESPACE = "ip link set lo up; echo {somaxconn} > /proc/sys/net/core/somaxconn; exec \"$@\""
PORTS = {"redis": 6397, "nginx": 8097}


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def check(scrape: str) -> None:
    """What promtool has to say of it: nothing."""
    done = subprocess.run([needs("promtool"), "check", "metrics"], input=scrape, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


WAYS = (
    "syn_accept_queue_full", "syn_queue_full", "syn_cookie_sent", "ack_ignored", "ack_reset", "unix_eagain", "dual_stack", "flood",
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_is_counted_to_the_unit(way: str) -> None:
    with exporting() as exporter, refusing(way) as refuser:
        done = refuser.go()
        scrape = exporter.scrape()
        text = fetch(exporter.url, "text/plain")
    kind = KIND_OF.get(way, way)
    counts = scrape.values(f"{OVERFLOWS}:reason", netns=str(refuser.netns))
    assert {reason: count for reason, count in counts.items() if count} == {kind: done["times"]}
    (names,) = scrape.labels(OVERFLOWS, netns=str(refuser.netns), reason=kind)
    assert names["command"].startswith("python")
    equals_the_kernel(scrape, refuser.netns, done["moved"])
    check(text)


COMES_AND_GOES = """if True:
    import socket, sys
    from listenwatch.linux import netstat
    from tests.helpers.listening import connecting
    sys.stdin.readline()
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 7777))
        server.listen(1)
        clients = [connecting(7777) for _ in range(5)]
        while netstat.parse(netstat.read())["ListenOverflows"] < 3:
            pass
        for client in clients:
            client.close()
    print(netstat.parse(netstat.read())["ListenOverflows"], flush=True)
    sys.stdin.readline()
"""


def test_what_comes_and_goes_between_two_scrapes_is_counted_and_named() -> None:
    """The interval is long: the count is looked at for the first time when its listener is gone."""
    command = [needs("unshare"), "-n", "sh", "-c", NAMESPACE.format(somaxconn=4096), "sh", *python(COMES_AND_GOES)]
    with exporting("--interval", "1h") as exporter, started(command) as server:
        assert server.stdin and server.stdout
        server.stdin.write("go\n")
        server.stdin.flush()
        counted = int(server.stdout.readline())
        netns = os.stat(f"/proc/{server.pid}/ns/net").st_ino  # noqa: PTH116
        scrape = exporter.scrape()
    (names,) = scrape.labels(OVERFLOWS, port="7777", reason="syn_accept_queue_full")
    assert (names["netns"], names["address"]) == (str(netns), "127.0.0.1")
    assert names["command"].startswith("python")
    assert scrape.sum(OVERFLOWS, port="7777") == counted == scrape.sum(OVERFLOWS, netns=str(netns))


def test_calls_are_judged_and_what_they_asked_for_is_known() -> None:
    with exporting("--events", "stdout", "--ephemeral", "0.000001") as exporter, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(77)
        port = str(sock.getsockname()[1])
        scrape = until(lambda: s if (s := exporter.scrape()).labels("listenwatch_listener_asked", port=port) else None, "the call")
        assert scrape.sum("listenwatch_listener_asked", port=port) == 77 == scrape.sum("listenwatch_listener_limit", port=port)
        assert scrape.sum("listenwatch_listener_capacity", port=port) == 78
        assert scrape.sum("listenwatch_listen_calls_total", verdict="agree") > 0
        assert scrape.sum("listenwatch_listen_calls_total", verdict="disagree") == 0
        assert exporter.watch.end(signal.SIGTERM) == 0
    lines = fit(exporter.watch.out)
    assert [line["asked"] for line in lines if line["port"] == int(port)] == [77]


def test_series_are_bounded_and_who_refuses_keeps_one() -> None:
    with exporting("--max-series", "2", "--ephemeral", "0.000001") as exporter, ExitStack() as stack:
        for _ in range(6):
            sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        with refusing("syn_accept_queue_full") as refuser:
            done = refuser.go()
            scrape = exporter.scrape()
            assert scrape.sum(OVERFLOWS, netns=str(refuser.netns)) == done["times"]
            assert len(scrape.labels("listenwatch_listener_limit")) <= 2
            assert scrape.sum("listenwatch_listeners_folded") >= 4
            assert sock.getsockname()


CALLS = 20_000


def test_in_a_storm_scrapes_are_answered_and_every_call_is_judged_or_counted_as_lost(storm: str) -> None:
    def counted(scrape: Scrape) -> float:
        return scrape.sum("listenwatch_listen_calls_total") + scrape.sum("listenwatch_listen_calls_lost_total")

    with exporting() as exporter:
        before = counted(exporter.scrape())
        with subprocess.Popen([storm, "threads", "4", str(CALLS // 4)], stdout=subprocess.DEVNULL) as storming:
            while storming.poll() is None:
                assert exporter.scrape().sum("listenwatch_listeners") > 0
        scrape = until(lambda: s if counted(s := exporter.scrape()) >= before + CALLS else None, "every call")
    assert scrape.sum("listenwatch_listen_calls_total", verdict="disagree") == 0
    assert scrape.sum("process_resident_memory_bytes") < 512 << 20


def test_it_gives_up_what_it_does_not_need() -> None:
    with exporting() as exporter:
        status = Path(f"/proc/{exporter.watch.process.pid}/status").read_text()
        threads = Path(f"/proc/{exporter.watch.process.pid}/task").iterdir()
        masks = {line.split()[1] for thread in threads for line in (thread / "status").read_text().splitlines() if line.startswith("CapPrm:")}
        exporter.scrape()
    (mask,) = masks
    kept = {bit for bit in range(41) if int(mask, 16) >> bit & 1}
    assert kept <= {2, 19, 21, 39}, status  # DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN, BPF


def test_no_thread_of_it_may_do_what_an_exporter_has_no_need_of(tmp_path: Path) -> None:
    """By TLS, with events; tests/unit/seccomp/test_confinement.py tries what the filter refuses."""
    authority, pem = trustme.CA(), tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with exporting("--events", "stdout", "--tls-cert", str(pem)) as exporter, refusing("unix_eagain"):
        with urllib.request.urlopen(exporter.url, context=context, timeout=PATIENCE) as answer:
            assert b"listenwatch_listener_limit" in answer.read()
        threads = []
        for thread in Path(f"/proc/{exporter.watch.process.pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # one that served a request may just have ended
                threads.append(set((thread / "status").read_text().splitlines()))
        for status in threads:
            assert {"Seccomp:\t2", "NoNewPrivs:\t1"} <= status
        assert exporter.watch.end(signal.SIGTERM) == 0
    assert len(threads) > 3
    assert "no filter" not in exporter.watch.err


def test_in_a_pid_namespace_of_its_own_it_says_that_it_does_not_see_others() -> None:
    """What it counts there it still counts, by the name that the call gives."""
    inside = [needs("unshare"), "--pid", "--fork", "--mount-proc"]
    with exporting(within=inside) as exporter, refusing("syn_accept_queue_full") as refuser:
        done = refuser.go()
        scrape = until(
            lambda: s if (s := exporter.scrape()).sum(OVERFLOWS, netns=str(refuser.netns)) == done["times"] else None, "its counts",
        )  # fmt: skip
    assert scrape.sum("listenwatch_unseen", what="namespaces") >= 1
    assert scrape.sum("listenwatch_unseen", what="pid_namespaces") == 1
    assert not scrape.labels("listenwatch_listener_limit", netns=str(refuser.netns))
    (names,) = scrape.labels(OVERFLOWS, netns=str(refuser.netns), reason="syn_accept_queue_full")
    assert names["command"].startswith("python")
    assert "outside of this pid namespace" in exporter.watch.err


POD = """if True:
    import os, signal, socket, sys
    open(sys.argv[1], "w").write("0")
    server = socket.create_server(("127.0.0.1", 7779))
    print("listens", flush=True)
    signal.pause()
"""


def test_a_pod_is_named_by_the_kubelet_and_by_its_uid_where_that_fails(tmp_path: Path) -> None:
    uid = "0f3c8f52-6a0e-4c53-9a57-1d1f0a1e2b3c"
    with kubelet(tmp_path) as node, cgroup(f"kubepods/besteffort/pod{uid}/{64 * 'b'}") as processes:
        options = ("--kubelet", node.source.url, "--kubelet-token", str(node.source.token), "--kubelet-ca", str(node.source.authority))
        node.has(pod(uid, "web-7d4b", "shop"))
        with started([*python(POD), str(processes)]) as server, exporting(*options) as exporter:
            assert server.stdout and server.stdout.readline() == "listens\n"

            def named() -> dict[str, str] | None:
                there = exporter.scrape().labels("listenwatch_listener_limit", port="7779")
                return there[0] if there else None

            names = until(named, "the pod's listener")
            assert (names["pod"], names["namespace"]) == ("web-7d4b", "shop")
            assert exporter.watch.end(signal.SIGTERM) == 0
        node.source.token.write_text("another")
        with started([*python(POD), str(processes)]) as server, exporting(*options) as exporter:
            assert server.stdout and server.stdout.readline() == "listens\n"
            names = until(named, "the pod's listener")
            assert (names["pod"], names["namespace"]) == (uid, "")
            assert exporter.watch.end(signal.SIGTERM) == 0
        assert f"no names of pods from {node.source.url}: 403 Forbidden" in exporter.watch.err


@contextmanager
def server_in_namespace(command: list[str], somaxconn: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a namespace of its own, once it listens there; the path of that namespace."""
    lower = NAMESPACE.format(somaxconn=somaxconn)
    with started([needs("unshare"), "-n", "sh", "-c", lower, "sh", *command]) as server:
        path = f"/proc/{server.pid}/ns/net"
        until_one(path)
        yield server, path


def nginx(folder: Path) -> list[str]:
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{PORTS['nginx']}; }} }}\n"
    )
    path = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    require("servers", path is not None, "nginx is not installed")
    assert path
    return [path, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def refuse(process: int, path: str, port: int, room: int) -> tuple[list[socket.socket], dict[str, int], int]:
    """Stop a server and connect until 21 are refused; the clients that wait, what the kernel counted, and the namespace."""
    os.kill(process, signal.SIGSTOP)
    with inside(path):
        clients, moved = fill(port, room + 21, refused=21)
    return clients, moved, os.stat(path).st_ino  # noqa: PTH116


def test_killed_and_started_again_it_lacks_what_happened_meanwhile_and_says_since_when_it_counts() -> None:
    server = python("import signal, socket; s = socket.create_server(('127.0.0.1', 7778), backlog=1); signal.pause()")
    with ExitStack() as stack:
        _, path = stack.enter_context(server_in_namespace(server, 4096))
        netns = os.stat(path).st_ino  # noqa: PTH116

        def refused(count: int, room: int = 0) -> dict[str, int]:
            with inside(path):
                clients, moved = fill(7778, room + count, refused=count)
            for client in clients:
                stack.enter_context(client)
            return moved

        with exporting() as exporter:
            moved = refused(21, room=2)
            before = exporter.scrape()
            equals_the_kernel(before, netns, moved)
            assert exporter.watch.end(signal.SIGKILL) == -signal.SIGKILL
        refused(5)
        with exporting() as exporter:
            moved = refused(7)
            after = exporter.scrape()
        equals_the_kernel(after, netns, moved)
        assert after.sum(OVERFLOWS, netns=str(netns)) == moved["ListenOverflows"]
        began = "process_start_time_seconds"
        assert after.sum(began) > before.sum(began) > 0


def test_a_receiver_of_otlp_gets_what_a_scrape_has() -> None:
    with receiver() as there, exporting("--otlp", there.url, "--otlp-interval", "1") as exporter:
        there.next()
        with refusing("syn_accept_queue_full") as refuser:
            done = refuser.go()
            name = OVERFLOWS.removesuffix("_total")
            pushed = until(lambda: p if (p := there.next()).sum(name, netns=str(refuser.netns)) == done["times"] else None, "all of them")
            scrape = exporter.scrape()
        assert scrape.sum(OVERFLOWS, netns=str(refuser.netns)) == done["times"]
        (labels,) = [labels_of(p) for p in pushed.points(name) if value_of(p) and labels_of(p)["netns"] == str(refuser.netns)]
        assert labels in scrape.labels(OVERFLOWS)
        assert exporter.watch.end(signal.SIGTERM) == 0


def settle(exporter: Exporting, refused: dict[str, tuple[int, dict[str, int]]]) -> None:
    scrape = exporter.scrape()
    for netns, moved in refused.values():
        equals_the_kernel(scrape, netns, moved)
        assert scrape.sum(OVERFLOWS, netns=str(netns), reason="syn_accept_queue_full") == moved["ListenOverflows"]


def every_panel_shows_something(seen: Prometheus) -> None:
    """While three refuse, of which one is clamped and one stale."""
    for title, query in queries():
        assert seen.query(query), (title, query)


def every_rule_has_something_to_judge(seen: Prometheus) -> None:
    """It is evaluated without an error, and each metric that it names is there."""
    rules = [rule for group in seen.get("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}, rules
    for rule in rules:
        for metric in re.findall(r"\blistenwatch_\w+", rule["query"]):
            assert seen.query(metric), (rule["name"], metric)


def test_a_real_prometheus_names_who_refuses_and_resolves_once_the_advice_is_followed(tmp_path: Path) -> None:
    """redis and nginx in namespaces of their own and a container by Podman; each is stopped, and refuses 21."""
    name = f"lw-exported-{os.getpid()}"
    server = [redis_server(tmp_path), "--port", str(PORTS["redis"]), "--save", "", "--dir", str(tmp_path)]
    with ExitStack() as stack:
        box = stack.enter_context(image())
        exporter = stack.enter_context(exporting("--interval", "1"))
        redis, at_redis = stack.enter_context(server_in_namespace(server, 128))
        web, at_web = stack.enter_context(server_in_namespace(nginx(tmp_path), 64))
        httpd = stack.enter_context(container(box, name, "/bin/httpd", "-f", "-p", "127.0.0.1:8080"))
        limit = until_one(f"/proc/{httpd}/ns/net")["limit"]
        seen = stack.enter_context(prometheus(tmp_path, exporter.url.split("/")[2]))
        every = f'{OVERFLOWS}{{protocol="tcp",reason="syn_accept_queue_full",port=~"{PORTS["redis"]}|{PORTS["nginx"]}|8080"}}'
        until(lambda: True if len(seen.query(every)) == 3 else None, "a scrape of the three")
        clients, refused = [], {}
        for command, pid, path, port, room in (
            ("redis-server", redis.pid, at_redis, PORTS["redis"], 129),
            ("nginx", web.pid, at_web, PORTS["nginx"], 65),
            ("httpd", httpd, f"/proc/{httpd}/ns/net", 8080, limit + 1),
        ):
            waiting, moved, netns = refuse(pid, path, port, room)
            clients += [stack.enter_context(client) for client in waiting]
            refused[command] = netns, moved
        alerts = until(lambda: a if len(a := seen.fired("ListenerRefusesConnections")) == 3 else None, "three alerts")
        settle(exporter, refused)
        for command, (netns, moved) in refused.items():
            query = f'sum({OVERFLOWS}{{netns="{netns}",reason="syn_accept_queue_full"}})'
            assert [value for _, value in seen.query(query)] == [moved["ListenOverflows"]]
            (alert,) = (a for a in alerts if a["netns"] == str(netns))
            assert alert["command"].startswith(command.split("-")[0]) or alert["container"] == name
            assert alert["severity"] == "critical"
        (named,) = (a for a in alerts if a.get("container") == name)
        assert named["port"] == "8080"
        assert {a["netns"] for a in seen.fired("ListenerClampedBySomaxconn")} >= {str(refused["nginx"][0])}
        with inside(at_web):
            Path("/proc/sys/net/core/somaxconn").write_text("4096")
        until(lambda: True if seen.fired("ListenerStale") else None, "a stale one")
        assert {a["netns"] for a in seen.fired("ListenerStale")} >= {str(refused["nginx"][0])}
        assert not seen.fired("ListenwatchAttributionDiffers")
        every_panel_shows_something(seen)
        every_rule_has_something_to_judge(seen)
        for pid in (redis.pid, web.pid, httpd):  # kill -CONT PID, as the advice has it
            os.kill(pid, signal.SIGCONT)
        for client in clients:
            client.close()
        until(lambda: True if not seen.firing("ListenerRefusesConnections") else None, "the end of the alerts")
        settle(exporter, refused)
