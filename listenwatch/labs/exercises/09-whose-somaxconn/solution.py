import ctypes
import socket
import sys
from pathlib import Path

port, limit = int(sys.argv[1]), int(sys.argv[2])
if ctypes.CDLL(None).unshare(0x40000000):  # CLONE_NEWNET
    sys.exit("unshare: are you root?")
Path("/proc/sys/net/core/somaxconn").write_text(str(limit))
server = socket.socket()
server.bind(("0.0.0.0", port))
server.listen(limit)
print("ready", flush=True)
sys.stdin.read()
