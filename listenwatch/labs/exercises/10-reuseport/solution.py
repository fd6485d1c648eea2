import socket
import sys

port, count, backlog = (int(text) for text in sys.argv[1:])
servers = []
for _ in range(count):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", port))
    server.listen(backlog)
    servers.append(server)
print("ready", flush=True)
sys.stdin.read()
