"""Watching one command without privilege: a filter stops its listen() calls, and a thread of ours lets them happen."""
