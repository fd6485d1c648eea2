import socket
import sys

port, count, backlog = (int(text) for text in sys.argv[1:])
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(backlog)
servers = [server.dup() for _ in range(count)]
print("ready", flush=True)
sys.stdin.read()
