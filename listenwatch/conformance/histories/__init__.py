"""Generated histories: random sequences of socket calls, run on this kernel, every listen() judged.

Read in this order: ``operations`` (a history as data), ``generate`` (where they come from), ``calls``
(what each operation does, stand-alone), ``ports`` (who holds which port), ``run`` (the process that
runs many), ``split`` (whose record is whose), ``check`` (verdicts), ``shrink`` and ``repro`` (what
is left of a history that disagrees).
"""
