for line in ("listening", "listening again", "Invalid argument", "Address already in use"):
    print(line)
