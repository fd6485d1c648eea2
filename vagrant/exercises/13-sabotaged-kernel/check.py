"""The program's word must be true each time, and its own calls must have met the bug it names."""

import random
from contextlib import ExitStack

from listenwatch.labs.attempt import Attempt
from listenwatch.labs.sabotage import compiled, loaded
from listenwatch.verdict import Kind

NEEDS = ("kprobes", "headers", "gcc", "make", "lab machine")

MODULES = {
    "no-clamp": "clamp_skipped",
    "negative-zero": "negative_zero",
    "half": "backlog_halved",
    "relisten-ignored": "relisten_ignored",
}


def check(attempt: Attempt) -> None:
    place = compiled(MODULES.values())
    words = ["healthy", *MODULES]
    random.SystemRandom().shuffle(words)
    for number, word in enumerate(words, 1):
        somaxconn = attempt.number(200, 900)
        with ExitStack() as kernel:
            if word in MODULES:
                kernel.enter_context(loaded(place / f"{MODULES[word]}.ko"))
            with attempt.program(sysctls={"net.core.somaxconn": somaxconn}) as program:
                program.wait()
        seen = attempt.calls()
        met = any(each.verdict.kind is Kind.DISAGREE for each in seen)
        said = program.output[-1] if program.output else "nothing"
        looked = bool(seen) and met == (word in MODULES)
        attempt.goal(
            1, f"kernel {number} of {len(words)}", said == word and looked,
            f"it is {word!r}, and the program printed {said!r} after {len(seen)} listen() calls"
            + ("" if looked else ", none of which met the bug"),
        )  # fmt: skip
