"""Kernels sabotaged on purpose: ``make sabotage`` shows that the check can fail, and where it then points."""
