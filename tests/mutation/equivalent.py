"""Mutants no test can notice, each with the reason: (file, source line, change)."""

from __future__ import annotations

import re
from pathlib import Path

_MODEL = Path(__file__).parents[2] / "listenwatch" / "model"
_NO_LOWER = "a patch level is never negative, so -1 is the same boundary as 0"


def _patch_levels(file: str, pattern: str) -> dict[tuple[str, str, str], str]:
    """The lines of a table whose patch level is 0, made -1."""
    lines = (_MODEL / file).read_text().split("\n")
    found = [line.strip() for line in lines if re.search(pattern, line)]
    return {(f"model/{file}", line, "0 -> -1"): _NO_LOWER for line in found}


EQUIVALENT: dict[tuple[str, str, str], str] = {
    **_patch_levels("backports.py", r"Span\(\(\d, [1-9]?\d\), 0, "),
    **_patch_levels("eras.py", r"^    \(\(\d, [1-9]\d*, 0\), LINUX_"),
    **_patch_levels("eras.py", r"^    return .*version >= \(3, 0, 0\)"),
    (
        "model/eras.py",
        'return ".".join(map(str, version[: 2 if version >= (3, 0, 0) and not version[2] else 3]))',
        "3 -> 4",
    ): "a version has three numbers",
    (
        "model/af_inet.py",
        "max_qlen = (flags & 0xFFFF_FFFF) >> 16",
        "4294967295 -> 4294967294",
    ): "the lowest bit is shifted out",
    (
        "model/bind_conflict.py",
        "if len(ports) < 2 or len(ports) % 2 == 0:",
        "len(ports) < 2: Lt -> LtE",
    ): "2 is even",
    (
        "model/bind_conflict.py",
        "if len(ports) < 2 or len(ports) % 2 == 0:",
        "2 -> 3",
    ): "of `< 2`: 2 is even; that of `% 2` is noticed",
    (
        "model/mptcp.py",
        "msk.state = TcpState.LISTEN",
        "remove msk.state = TcpState.LISTEN",
    ): "overwritten by the subflow's state before anything reads it",
    (
        "model/mptcp.py",
        "msk.state = TcpState.LISTEN",
        "TcpState.LISTEN -> CLOSING",
    ): "overwritten by the subflow its state",
    (
        "model/mptcp.py",
        "run.subflow = Sock(TcpState.CLOSE, SocketState.UNCONNECTED, 0, 0, msk.bound)",
        "SocketState.UNCONNECTED -> CONNECTING",
    ): "the next line writes socket_state",
    (
        "model/inet_hashtables.py",
        "run.end(Rule.HASH_ERROR_LOST, 0)",
        "0 -> 1",
    ): "the value of run.end() is not used here",
    (
        "model/inet_hashtables.py",
        "run.end(Rule.HASH_ERROR_LOST, 0)",
        "0 -> -1",
    ): "the value of run.end() is not used here",
    (
        "model/run.py",
        "self.rule = Rule.BAD_DESCRIPTOR",
        "remove self.rule = Rule.BAD_DESCRIPTOR",
    ): "every path sets a rule before it is read",
    (
        "model/syn_queue.py",
        "entries = max(min(_u32(backlog), _u32(max_syn_backlog)), 8)",
        "8 -> 9",
    ): "9 + 1 and 8 + 1 round up to 16",
    (
        "model/syn_queue.py",
        "return number & 0xFFFF_FFFF",
        "4294967295 -> 4294967294",
    ): "an odd number from 9 on and the even one below, each + 1, round up alike",
    (
        "model/syn_queue.py",
        "return (number - 1).bit_length() if number > 1 else 0",
        "number > 1: Gt -> GtE",
    ): "(1 - 1).bit_length() is 0",
    (
        "model/syn_queue.py",
        "return (number - 1).bit_length() if number > 1 else 0",
        "1 -> 2",
    ): "callers take at least 4 or 6 of it",
    (
        "model/syn_queue.py",
        "return (number - 1).bit_length() if number > 1 else 0",
        "0 -> -1",
    ): "callers take at least 4 or 6 of it",
    (
        "verdict.py",
        'yield Difference("result", errno_text(outcome.result), "no return seen")',
        "'no return seen' -> 'XXno return seen'",
    ): "without a return the verdict is INCONCLUSIVE and tells no difference",
    (
        "model/run.py",
        "self.rule = Rule.BAD_DESCRIPTOR",
        "Rule.BAD_DESCRIPTOR -> NOT_A_SOCKET",
    ): "every path sets a rule before it is read",
    (
        "model/socket_c.py",
        'run.backlog_rule = BacklogRule.NEGATIVE if backlog < 0 else BacklogRule.CLAMPED',
        "backlog < 0: Lt -> LtE",
    ): "0 is never above somaxconn",
    (
        "model/socket_c.py",
        'run.backlog_rule = BacklogRule.NEGATIVE if backlog < 0 else BacklogRule.CLAMPED',
        "0 -> 1",
    ): "0 is never above somaxconn",
    (
        "model/syn_queue.py",
        'return (number - 1).bit_length() if number > 1 else 0',
        "1 -> 0",
    ): "of `> 1`: (1 - 1).bit_length() is 0; that of `- 1` is noticed",
    (
        "model/syn_queue.py",
        'return (number - 1).bit_length() if number > 1 else 0',
        "0 -> 1",
    ): "callers take at least 4 or 6 of it",
    (
        "verdict.py",
        'yield Difference("result", errno_text(outcome.result), "no return seen")',
        "'result' -> 'XXresult'",
    ): "without a return the verdict is INCONCLUSIVE, and each outcome has it",
    (
        "verdict.py",
        "if call.flags & Flag.SHARED_TABLE and _untouched(call)"
        " and not call.hooks >> StageIndex.SECURITY & 1:",
        "call.hooks >> StageIndex.SECURITY: RShift",
    ): "the security hook is stage 0: a shift by 0 is the same either way",
}
