"""Who was refused room, by which listener: the probe's counts with names, held against the kernel's own counters."""
