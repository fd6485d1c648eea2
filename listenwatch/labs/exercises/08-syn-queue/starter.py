import socket
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("0.0.0.0", port))
server.listen(count)
print("ready", flush=True)
sys.stdin.read()
