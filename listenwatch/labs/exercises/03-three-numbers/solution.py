import socket
import sys
from pathlib import Path

port, backlog = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(backlog)
somaxconn = int(Path("/proc/sys/net/core/somaxconn").read_text())
info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
stored = int.from_bytes(info[28:32], sys.byteorder)
print(backlog, somaxconn, stored)
print("ready", flush=True)
sys.stdin.read()
