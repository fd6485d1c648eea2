import sys

era, backlog, somaxconn = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
limit = min(backlog, somaxconn)
print(limit, limit)
