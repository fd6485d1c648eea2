import sys

print("ready", flush=True)
for line in ("511 128", "4096 4096"):
    print(line, flush=True)
sys.stdin.read()
