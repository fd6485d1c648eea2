"""What the stored numbers mean, measured: queues filled by real traffic, and what the next packet meets.

The scenarios' process loads a listener, reads what came of it and reports that, with what the queues
held and the sysctls were beforehand (``measure``). What the model says must come of it is worked
out in the judging process (``expected``), which no scenario can see.
"""
