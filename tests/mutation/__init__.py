"""Mutation testing of the model and the check: ``python -m tests.mutation`` (README.md beside this file)."""
