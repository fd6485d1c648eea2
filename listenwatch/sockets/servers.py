"""Servers known by name: the backlog each passes to listen() by default, and the setting that changes it."""

import re
from functools import lru_cache
from typing import NamedTuple

from listenwatch.sockets.socket_units import SocketUnit


class Server(NamedTuple):
    """A server program. ``default`` is its backlog, None where it depends on other settings.

    ``setting`` is where to change it, ``{n}`` the number; ``then`` what makes a changed setting take
    effect, ``again`` what makes it listen() again with the same one, where that is something else.
    ``source`` says where the default was read, ``seen`` which release was run and asked for it (tests/kernel); empty: none.
    """

    name: str
    pattern: str
    default: int | None
    setting: str
    then: str
    source: str
    again: str = ""
    seen: str = ""


_RESTART = "restart it"

SERVERS = (
    Server("nginx", r"nginx", 511, "listen ... backlog={n}; in nginx.conf",
           "nginx -s reload", "src/os/unix/ngx_linux_config.h",
           "restart it, or set another backlog= and reload: a reload with the same one does not "
           "listen() again", seen="1.22.1"),
    Server("redis", r"redis-server|valkey-server|redis-check-rdb", 511,
           "tcp-backlog {n} in redis.conf", _RESTART, "redis.conf", seen="7.0.15"),
    Server("Apache httpd", r"apache2|httpd", 511, "ListenBacklog {n}", _RESTART, "include/mpm_common.h",
           seen="2.4.71"),
    Server("Node.js", r"node|nodejs", 511, "server.listen({{port, backlog: {n}}})", _RESTART, "lib/net.js",
           seen="20.20.2"),
    Server("PHP-FPM", r"php-fpm.*", None, "listen.backlog = {n} in the pool's file", _RESTART,
           "sapi/fpm/fpm/fpm_sockets.h: -1, before 8.2: 511"),
    Server("PostgreSQL", r"postgres|postmaster", None,
           "max_connections (it asks for about twice as many)", _RESTART, "pqcomm.c", seen="15"),
    Server("MySQL", r"mysqld|mariadbd", None, "back_log = {n} in my.cnf", _RESTART, "WL#9704"),
    Server("HAProxy", r"haproxy", None, "bind ... backlog {n} (default: the frontend's maxconn)",
           "reload it", "src/listener.c", seen="2.6.12"),
    Server("memcached", r"memcached", 1024, "-b {n}", _RESTART, "memcached.c", seen="1.6.18"),
    Server("lighttpd", r"lighttpd", 1024, "server.listen-backlog = {n}", _RESTART, "src/network.c", seen="1.4.69"),
    Server("sshd", r"sshd", 128, "", "", "ssh.h"),
    Server("gunicorn", r"gunicorn", 2048, "--backlog {n}", _RESTART, "gunicorn/config.py", seen="27.0.1"),
    Server("uvicorn", r"uvicorn", 2048, "--backlog {n}", _RESTART, "uvicorn/config.py"),
    Server("uWSGI", r"uwsgi", 100, "--listen {n}", _RESTART, "core/init.c"),
    Server("Puma", r"puma.*", 1024, "bind 'tcp://...?backlog={n}'", _RESTART, "lib/puma/binder.rb"),
    Server("Unicorn", r"unicorn.*", 1024, "listen ..., backlog: {n}", _RESTART, "the configurator"),
    Server("systemd", r"systemd", 4294967295, "Backlog={n} in the .socket unit "
           "('systemctl list-sockets' names it)", "systemctl restart that socket unit",
           "man systemd.socket"),
    Server("Envoy", r"envoy", None, "tcp_backlog_size: {n} of the listener", _RESTART, "listener.proto"),
    Server("Java", r"java", 50, "new ServerSocket(port, {n}), or the server's own: "
           "acceptCount (Tomcat), acceptQueueSize (Jetty)", _RESTART, "ServerSocket.java",
           seen="17.0.15"),
    Server("Erlang", r"beam\.smp", 5, "gen_tcp:listen(Port, [{{backlog, {n}}}])", _RESTART, "gen_tcp"),
)  # fmt: skip
"""Defaults as their sources have them in 2026. Newer or older releases may differ: hence "likely"."""


@lru_cache
def known_server(name: str, command: str) -> Server | None:
    """The server behind a process's name, or behind the script an interpreter runs; None if not known."""
    first, *rest = command.split(" ", 2) if command else [""]
    candidates = [name, _base(first)]
    if re.match(r"python|ruby|perl", _base(first)) and rest:
        candidates += [_base(rest[0]), *(rest[1].split(" ")[:1] if rest[0] == "-m" else [])]
    for candidate in candidates:
        title = candidate.split(":", 1)[0]
        for server in SERVERS:
            if re.fullmatch(server.pattern, title):
                return server
    return None


def server_named(name: str) -> Server | None:
    """The server of this name in SERVERS, however its letters are written; None if there is none."""
    return next((server for server in SERVERS if server.name.lower() == name.lower()), None)


def default_of(name: str) -> int | None:
    """The backlog that the server of this name in SERVERS asks for by default; None where that depends."""
    server = server_named(name)
    assert server, name
    return server.default


def server_of_image(image: str) -> Server | None:
    """The server that a container's image is named after: ``docker.io/library/redis:7`` is redis; None if not known."""
    name = re.split(r"[:@]", _base(image))[0]
    candidates = (known_server(f"{name}{end}", "") for end in ("", "-server", "d"))
    return next(filter(None, candidates), None)


def socket_unit_server(unit: SocketUnit) -> Server:
    """systemd as the server behind a listener of this .socket unit."""
    stop = " ".join(filter(None, (unit.name, unit.service)))  # a socket is not restarted under a running service
    return Server(unit.name, "", unit.backlog, "Backlog={n} (systemctl edit " + unit.name + ")",
                  f"systemctl stop {stop}; systemctl start {unit.name}", "man systemd.socket")  # fmt: skip


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]
