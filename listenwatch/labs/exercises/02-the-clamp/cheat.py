import sys

print(f"listening on 127.0.0.1:{sys.argv[1]}, limit {sys.argv[2]}")
print("ready", flush=True)
sys.stdin.read()
