"""listenwatch: every real listen(2) on Linux, watched in the kernel and checked against a reference model."""

__version__ = "0.1.0"
