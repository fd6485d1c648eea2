"""The screen of ``top``: listeners in place, refreshed, with keys to sort, filter and choose."""
