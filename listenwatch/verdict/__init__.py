"""The check: a prediction compared with what was observed, and the totals of many verdicts."""
