"""Three answers, yes, no and unknown, and the rules by which a fact or an attempt becomes one."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from listenwatch.engines.attempts import ENOTSUPP, Attempt

CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
"""The capabilities that matter here and their numbers (include/uapi/linux/capability.h)."""

_REFUSALS = (
    errno.EPERM,
    errno.EACCES,
    errno.EINVAL,
    errno.ENOENT,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EPROTONOSUPPORT,
    errno.ENOPROTOOPT,
    ENOTSUPP,
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


class Privilege(NamedTuple):
    """What this process may do: its effective capabilities as a bit mask, and whether they count
    for the whole machine (bpf(2) asks the initial user namespace) or only for a container's.
    """

    capabilities: int
    initial_user_namespace: bool

    def has(self, name: str) -> bool:
        """Whether one of CAPABILITIES is effective."""
        return bool(self.capabilities >> CAPABILITIES[name] & 1)

    @property
    def may_use_bpf(self) -> bool:
        """CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON (bpf_capable() and perfmon_capable())."""
        enough = self.has("CAP_SYS_ADMIN") or (self.has("CAP_BPF") and self.has("CAP_PERFMON"))
        return enough and self.initial_user_namespace


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


def all_of(name: str, needed: Sequence[Feature]) -> Feature:
    """Yes if every one is; one no decides; otherwise what is unknown keeps it unknown."""
    for answer, word in ((Answer.NO, "lacks"), (Answer.UNKNOWN, "not known:")):
        short = [feature.name for feature in needed if feature.answer is answer]
        if short:
            return Feature(name, answer, f"{word} {', '.join(short)}")
    return Feature(name, Answer.YES, f"has {', '.join(feature.name for feature in needed)}")
