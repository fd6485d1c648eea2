"""What runs a scenario and judges its calls.

Read in this order: ``testbed`` (what a scenario may do), ``registry`` and ``catalogue`` (how scenarios
are declared and listed), ``needs`` (what some of them depend on), ``process`` (where a scenario runs),
``pairing`` and ``runner`` (how its calls are judged).
"""
