import socket
import sys

port, backlog = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(backlog)
somaxconn = 4096  # the default, is it not?
stored = backlog
print(backlog, somaxconn, stored)
print("ready", flush=True)
sys.stdin.read()
