import socket

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(10)
info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
print("healthy")
