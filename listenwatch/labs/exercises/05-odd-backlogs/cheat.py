import sys

for text in sys.argv[2:]:
    print(min(int(text) & 0xFFFFFFFF, 128))
print("ready", flush=True)
sys.stdin.read()
