import sys

print(sys.argv[2], 128, 128)
print("ready", flush=True)
sys.stdin.read()
