import socket
import sys
from pathlib import Path

port, count = int(sys.argv[1]), int(sys.argv[2])
net = Path("/proc/sys/net")
(net / "core/somaxconn").write_text(str(count))
(net / "ipv4/tcp_max_syn_backlog").write_text(str(2 * count))
server = socket.socket()
server.bind(("0.0.0.0", port))
server.listen(count)
print("ready", flush=True)
sys.stdin.read()
