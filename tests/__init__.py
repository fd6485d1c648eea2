"""Tests: unit (no privilege), vectors (recordings of real kernels), kernel (root, here), guest (VMs)."""
