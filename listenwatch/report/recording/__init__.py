"""The calls of one session as one HTML file: a time line, and each call with its stages."""
