"""Engines carry records from the kernel to Python: bytes and loss, no interpretation."""
