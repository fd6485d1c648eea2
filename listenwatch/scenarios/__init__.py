"""The scenarios of ``listenwatch verify``: real listen() calls, each in a world of its own making.

Read in this order: ``lab`` (what a scenario may do), ``tcp`` (the first of the scenario files),
``registry`` and ``catalogue`` (how they are found), ``needs`` (what some of them depend on),
``world`` (the process a scenario runs in), ``pairing`` and ``runner`` (how its calls are judged).
"""
