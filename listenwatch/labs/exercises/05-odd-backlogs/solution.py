import ctypes
import socket
import sys

port, numbers = int(sys.argv[1]), [int(text) for text in sys.argv[2:]]
server = socket.socket()
server.bind(("127.0.0.1", port))
for number in numbers:
    ctypes.CDLL(None).listen(server.fileno(), number)
    info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    print(int.from_bytes(info[28:32], sys.byteorder))
print("ready", flush=True)
sys.stdin.read()
