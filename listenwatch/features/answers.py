"""Three answers, yes, no and unknown, and the rules by which a fact or an attempt becomes one."""

import errno
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from listenwatch.features.attempts import ENOTSUPP, Attempt
from listenwatch.linux.privileges import Privilege

_REFUSALS = (
    errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOENT, errno.ENOSYS, errno.EOPNOTSUPP,
    errno.EPROTONOSUPPORT, errno.ENOPROTOOPT, ENOTSUPP,
)
"""Errnos that mean no. Any other, such as ENOMEM, says nothing of the kernel: unknown."""


class Answer(Enum):
    """The three answers; unknown is never taken for either of the others."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Feature(NamedTuple):
    """One question about this kernel or user, its answer, and how that was found out."""

    name: str
    answer: Answer
    how: str


def known(name: str, fact: bool | None, how: str) -> Feature:
    """A fact that was looked up; None is unknown."""
    if fact is None:
        return Feature(name, Answer.UNKNOWN, f"{how}: cannot be read")
    return Feature(name, Answer.YES if fact else Answer.NO, how if fact else f"not there: {how}")


def tried(name: str, attempt: Attempt, privilege: Privilege) -> Feature:
    """A thing that was tried: a refusal is a no only where lack of privilege cannot explain it."""
    if attempt.error is None:
        return Feature(name, Answer.UNKNOWN, f"{attempt.what}: {attempt.note}")
    if not attempt.error:
        return Feature(name, Answer.YES, f"{attempt.what} worked")
    refused = f"{attempt.what}: {attempt.refusal}"
    if attempt.error in (errno.EPERM, errno.EACCES) and not privilege.may_use_bpf:
        return Feature(name, Answer.UNKNOWN, f"{refused} without privilege")
    return Feature(name, Answer.NO if attempt.error in _REFUSALS else Answer.UNKNOWN, refused)


def answer_of(needed: Iterable[Feature]) -> Answer:
    """Yes if every one is; the first no decides, and nothing after it is asked; otherwise what is unknown keeps it unknown."""
    answers = set[Answer]()
    for feature in needed:
        if feature.answer is Answer.NO:
            return Answer.NO
        answers.add(feature.answer)
    return Answer.UNKNOWN if Answer.UNKNOWN in answers else Answer.YES


def all_of(name: str, needed: Sequence[Feature]) -> Feature:
    """Yes if every one is; one no decides; otherwise what is unknown keeps it unknown."""
    for answer, word in ((Answer.NO, "lacks"), (Answer.UNKNOWN, "not known:")):
        short = [feature.name for feature in needed if feature.answer is answer]
        if short:
            return Feature(name, answer, f"{word} {', '.join(short)}")
    return Feature(name, Answer.YES, f"has {', '.join(feature.name for feature in needed)}")
