import sys

era, backlog, somaxconn = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
limit = min(backlog & 0xFFFFFFFF, somaxconn)
if era == "2.6.18":
    limit &= 0xFFFF  # unsigned short
print(limit, limit + 1)
