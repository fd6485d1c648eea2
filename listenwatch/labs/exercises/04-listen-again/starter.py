import socket
import sys

port, backlog = int(sys.argv[1]), int(sys.argv[2])


def open_server() -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen(backlog)
    return server


server = open_server()
print("ready", flush=True)
sys.stdin.readline()  # somaxconn was raised
server.close()
server = open_server()
print("done", flush=True)
sys.stdin.read()
