import socket
import sys

port, backlog = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", port))
# something is missing here
print("?")  # the first stage whose line has the limit
print("ready", flush=True)
sys.stdin.read()
