import socket

server = socket.socket()
server.listen(5)  # 1: never bound
print(server.getsockname())
