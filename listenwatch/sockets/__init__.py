"""What listens on this machine now: every network namespace, its listeners, and the processes that hold them."""
