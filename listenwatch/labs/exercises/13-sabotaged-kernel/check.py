"""The program's word must be true each time, and its own calls must have met the bug it names."""

import random
from pathlib import Path

from listenwatch.labs.attempt import Attempt
from listenwatch.labs.modules import compiled, loaded
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.excuses import Excuse

NEEDS = ("kprobes", "headers", "gcc", "make", "lab machine")

# in the order of the module's enum bug
WORDS = ("healthy", "no-clamp", "negative-zero", "half", "relisten-ignored", "refusal-lost")


def check(attempt: Attempt) -> None:
    module = compiled(Path(__file__).parent / "module/exercise.c")
    drawn = random.SystemRandom().sample(WORDS, len(WORDS))
    for number, word in enumerate(drawn, 1):
        somaxconn = attempt.number(200, 900)
        with (
            loaded(module, f"bug={WORDS.index(word)}"),
            attempt.program(sysctls={"net.core.somaxconn": somaxconn}) as program,
        ):
            program.wait()
        seen = attempt.calls()
        if word == "healthy":
            attempt.require_agreement(seen)
        # somaxconn may have moved while a call was interrupted, says its verdict then; nobody else is in this namespace
        met = any(j.verdict.kind is VerdictKind.DISAGREE or j.verdict.excuse is Excuse.INPUT_MOVED for j in seen)
        printed = program.output[-1] if program.output else "nothing"
        looked = bool(seen) and met == (word != "healthy")
        attempt.goal(
            1, f"kernel {number} of {len(drawn)}", printed == word and looked,
            f"it is {word!r}, and the program printed {printed!r} after {len(seen)} listen() calls"
            + ("" if looked or word == "healthy" else ", none of which met the bug"),
        )  # fmt: skip
