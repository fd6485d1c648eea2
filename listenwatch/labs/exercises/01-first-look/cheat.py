import sys

print("inet_csk_listen_start")
print("ready", flush=True)
sys.stdin.read()
