"""Exercises that a student solves with programs of their own, judged by what the kernel did with them."""
