import socket
import sys
from pathlib import Path

port, limit = int(sys.argv[1]), int(sys.argv[2])
Path("/proc/sys/net/core/somaxconn").write_text(str(limit))
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(limit)
print("ready", flush=True)
sys.stdin.read()
