"""Connections refused at listeners: the probe's counts with the listeners' names, compared with the kernel's counters."""
