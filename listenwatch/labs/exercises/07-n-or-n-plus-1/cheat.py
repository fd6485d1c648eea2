import socket
import sys

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(int(sys.argv[2]))
print(int(sys.argv[2]) + 1)
print("ready", flush=True)
sys.stdin.read()
