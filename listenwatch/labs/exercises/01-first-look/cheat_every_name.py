import socket
import sys

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(int(sys.argv[2]))
for name in ("security_socket_listen", "inet_listen", "inet_csk_listen_start", "state to LISTEN", "inet_hash"):
    print(name)
print("ready", flush=True)
sys.stdin.read()
