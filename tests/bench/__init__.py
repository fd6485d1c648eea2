"""Measurements: ratios against peers in one run. Nothing here is asserted by a test."""
