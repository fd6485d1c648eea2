"""The scenarios: real listen() calls, each in a process and a network namespace of its own."""
