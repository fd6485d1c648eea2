"""The tables of /proc/net, as kernels print them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from listenwatch.linux.proc_net import tcp_listener, unix_listens

# Linux 6.18: a listener with two connections waiting, another one, and those two connections.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:9C41 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 41 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 42 1 0 100 0 0 10 0
   2: 0100007F:9C41 0100007F:8000 01 00000000:00000007 00:00000000 00000000     0        0 0 1 0 20 0 0 10 -1
   3: 0100007F:8000 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 43 1 0 20 0 0 10 -1
"""
TCP6 = TCP.replace("0100007F", "00000000000000000000000001000000").replace(" 41 ", " 51 ")
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0: 00000002 00000000 00010000 0001 01 61 @a b
 and more of a name
0: 00000003 00000000 00000000 0001 03 62
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for name, text in (("tcp", TCP), ("tcp6", TCP6), ("unix", UNIX)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("family", "inode", "queue"),
    [
        (socket.AF_INET, 41, 2),
        (socket.AF_INET, 42, 0),
        (socket.AF_INET, 43, None),  # not a listener
        (socket.AF_INET, 51, None),
        (socket.AF_INET6, 51, 2),
    ],
)
def test_a_tcp_listener_by_its_inode(
    family: int, inode: int, queue: int | None, tables: Path
) -> None:
    assert tcp_listener(family, inode=inode, tables=tables) == queue


@pytest.mark.parametrize(("port", "queue"), [(40001, 2), (22, 0), (32768, None)])
def test_a_tcp_listener_by_its_port(port: int, queue: int | None, tables: Path) -> None:
    assert tcp_listener(socket.AF_INET6, port=port, tables=tables) == queue


@pytest.mark.parametrize(("inode", "listens"), [(61, True), (62, False), (63, False)])
def test_a_unix_listener(inode: int, listens: bool, tables: Path) -> None:
    assert unix_listens(inode, tables) == listens


def test_sockets_of_this_machine() -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        inodes = [sock_inode(tcp), sock_inode(unix)]
        tcp.bind(("127.0.0.1", 0))
        unix.bind("")
        assert tcp_listener(socket.AF_INET, inode=inodes[0]) is None
        assert not unix_listens(inodes[1])
        tcp.listen()
        unix.listen()
        with socket.create_connection(tcp.getsockname()):
            assert tcp_listener(socket.AF_INET, inode=inodes[0]) == 1
        assert unix_listens(inodes[1])


def sock_inode(sock: socket.socket) -> int:
    return Path(f"/proc/self/fd/{sock.fileno()}").stat().st_ino
