"""The standalone conformance program: a static binary without libc whose answers are judged on any machine.

``source/`` is the program. ``build`` compiles it, ``answers`` reads what it printed, ``calls`` and ``fills`` make of that
what the model may know and what was seen, ``judging`` judges it, ``compared`` holds two stacks' answers side by side.
"""
