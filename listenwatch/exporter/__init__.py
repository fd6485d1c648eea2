"""Metrics for Prometheus: every listener's limit, queue and losses, with names, in a bounded number of series."""
