import socket
import sys

port, backlog = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", port))
server.listen(backlog)
clients = []
while True:
    client = socket.socket()
    client.settimeout(1)
    try:
        client.connect(("127.0.0.1", port))
    except TimeoutError:
        break
    clients.append(client)
print(len(clients))
print("ready", flush=True)
sys.stdin.read()
