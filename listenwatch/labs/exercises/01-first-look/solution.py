import socket
import sys
from pathlib import Path

port, backlog = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(backlog)
# what 'watch --stages' has on a kernel with kprobes, and on one without
kprobes = Path("/sys/bus/event_source/devices/kprobe").exists()
print("inet_csk_listen_start" if kprobes else "state to LISTEN")
print("ready", flush=True)
sys.stdin.read()
