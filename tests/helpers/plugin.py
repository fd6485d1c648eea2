"""What tests of the pytest plug-in share: a project to run it in."""

from __future__ import annotations

from listenwatch.features import survey
from listenwatch.features.answers import Answer
from listenwatch.features.evidence import Evidence
from tests.require import require

PROJECT = """
import contextlib, socket, subprocess, sys
import pytest

HUGE = 2**31 - 1

def listen(backlog):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        return sock.getsockname()[1]

def python(script):
    return [sys.executable, "-c", f"import socket, time; {script}"]
"""
"""How each of these test files begins."""

SERVES = 's = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen({backlog}); time.sleep(600)'
"""A program that listens until it is ended."""


def needs_seccomp() -> None:
    """A session can be watched without privilege."""
    works = survey.seccomp(Evidence())
    require("seccomp", works.answer is Answer.YES, works.how)
