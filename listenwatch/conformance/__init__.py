"""Conformance: scenarios and random histories of real listen() calls, on one kernel or on many."""
