import contextlib
import socket

server = socket.socket()
server.listen(5)  # 1: never bound

client = socket.socket()
client.connect(server.getsockname())
with contextlib.suppress(OSError):
    client.listen(5)  # 3: connected

server.shutdown(socket.SHUT_RD)
server.listen(5)  # 2: CLOSE again

first, second = socket.socket(), socket.socket()
for sock in (first, second):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
first.bind(("127.0.0.1", 0))
second.bind(first.getsockname())
first.listen(5)
with contextlib.suppress(OSError):
    second.listen(5)  # 4: the first has the port
