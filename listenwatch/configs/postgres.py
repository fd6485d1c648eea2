"""postgresql.conf: ``name = value`` lines."""

import re
from pathlib import Path

from listenwatch.configs.declared import Declared, Origin, Where, address, number, read, settings

_SEPARATOR = r"\s*=\s*|\s+"
_MOST_BEFORE_16 = 10_000
"""PG_SOMAXCONN, src/include/pg_config_manual.h."""


def declared(path: Path) -> list[Declared]:
    """``port`` on each of ``listen_addresses`` and in each of ``unix_socket_directories``.

    The backlog is computed (StreamServerPort(), src/backend/libpq/pqcomm.c): from 16 on twice ``max_connections``, before that
    twice what may be started in all, at most 10,000. The release is that in the path, as Debian has it; else 16 or later.
    """
    values = settings(read(path), _SEPARATOR)

    def value(name: str, usual: int) -> int:
        line, text = values.get(name, (None, str(usual)))
        return number(text, Where(str(path), line), name, 0, 2**31 - 1)

    line = values.get("max_connections", (None, ""))[0]
    port, connections = value("port", 5432), value("max_connections", 100)
    backlog = 2 * connections
    if _is_before_16(path):
        more = value("autovacuum_max_workers", 3) + 1 + value("max_worker_processes", 8) + value("max_wal_senders", 10)
        backlog = min(2 * (connections + more), _MOST_BEFORE_16)
    hosts, folders = (
        [part.strip() for part in values.get(name, (None, usual))[1].split(",") if part.strip()]
        for name, usual in (("listen_addresses", "localhost"), ("unix_socket_directories", "/tmp"))
    )
    listeners: list[tuple[str, str, int | None]] = [(*address({"localhost": "127.0.0.1"}.get(host, host), port), port) for host in hosts]
    listeners += [("unix", f"{folder}/.s.PGSQL.{port}", None) for folder in folders]
    where = Where(str(path), line)
    return [Declared("PostgreSQL", *each, backlog, Origin.SETTING, where, "max_connections") for each in listeners]


def _is_before_16(path: Path) -> bool:
    release = re.search(r"/postgresql/(\d+)/", str(path.absolute()))
    return release is not None and int(release[1]) < 16
