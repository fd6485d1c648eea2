"""Which documented behaviour a kernel has, by what its own calls did: no release number comes in here.

``cases`` are the calls of scenarios, ``narrow`` keeps of every field of Behaviour the values that each of them
allows, ``settle`` looks for one behaviour that all of them agree with, and ``identified`` puts beside it what
the kernel names and what its release would have said.
"""
