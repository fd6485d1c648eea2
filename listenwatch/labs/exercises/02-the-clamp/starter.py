import socket
import sys

port, limit = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(limit)  # is that enough?
print("ready", flush=True)
sys.stdin.read()
