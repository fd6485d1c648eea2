"""The matrix: ``verify`` on several kernels, each in a process of its own, and what comes of them side by side.

``plan`` says what is to run, ``run`` runs it and follows what it prints, ``results`` is what came of it.
"""
