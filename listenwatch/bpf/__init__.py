"""The BPF programs, loaded and attached as decided by features/: bytes and counts from the kernel, no interpretation."""
