"""Mutation testing of the model and the check: ``python -m tests.mutation`` (README.md in this folder)."""
