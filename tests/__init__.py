"""The tests. Unit tests mirror the package; ``kernel`` needs root, ``guest`` boots other kernels."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The checkout."""
