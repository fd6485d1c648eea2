"""What ``listenwatch --version`` prints: this program, the kernel, libbpf, and the attach modes that work here."""

import os
from collections.abc import Callable

from listenwatch.bpf.libbpf import library_version
from listenwatch.bpf.programs import ATTACH_MODES
from listenwatch.features.answers import Answer
from listenwatch.features.evidence import Evidence
from listenwatch.features.survey import mode_answer
from listenwatch.linux.terminal import escape
from listenwatch.version import __version__


def version_text() -> str:
    """Needs no privilege and never fails: what cannot be found out is not known."""
    answers = {"kernel": _kernel, "libbpf": library_version, "attach modes": _attach_modes}
    lines = (f"{name}: {_answer(ask)}" for name, ask in answers.items())
    return "\n".join([f"listenwatch {__version__}", *lines])


def _answer(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception as error:
        return f"not known ({escape(str(error) or type(error).__name__)})"


def _kernel() -> str:
    system = os.uname()
    return f"{system.sysname} {system.release} {system.machine}"


def _attach_modes() -> str:
    """The modes by what ``features`` answers; without privilege some are not known."""
    evidence = Evidence()
    answers = {mode: mode_answer(mode, evidence) for mode in ATTACH_MODES}
    named = {answer: ", ".join(mode for mode in answers if answers[mode] is answer) for answer in Answer}
    rest = [f"{word}: {named[answer]}" for word, answer in _OTHERS.items() if named[answer]]
    return (named[Answer.YES] or "none certain") + (f" ({'; '.join(rest)})" if rest else "")


_OTHERS = {"not here": Answer.NO, "not known for this user": Answer.UNKNOWN}
