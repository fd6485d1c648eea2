"""What is Linux and not ours: system calls, namespaces, sock_diag, /proc, processes, signals, the terminal."""
