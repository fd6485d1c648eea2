"""Calls that differ in nothing but numbers which the listen path carries: one verdict holds for all of them.

Of a limit, of the length of a queue and of a port the kernel asks whether it is 0, and else copies it from field to field;
the backlog it also compares with somaxconn. So the rules by which a call agrees follow from which of its numbers are equal,
and not from how large they are: that, and all the rest of its record, is its pattern.
"""

import struct
import sys
from collections.abc import Callable
from functools import lru_cache

from listenwatch.call.layout import Member
from listenwatch.call.record import JUDGED_MEMBERS, Flag
from listenwatch.model.stages import Holds, StageIndex

Pattern = tuple[int, ...]

_NUMBERS = {
    "backlog", "somaxconn", "somaxconn_after", "max_ack_backlog", "ack_backlog", "subflow_max_ack_backlog",
    "subflow_ack_backlog", "local_port", "subflow_local_port", "source_port",
}  # fmt: skip
_BACKLOGS = {f"stages.{int(stage)}.value" for stage in StageIndex if stage.holds is Holds.BACKLOG}
_NOT_COMPARED = {"address", "address_len"}
_SIGN = 1 << 31


def pattern_of(part: bytes, hooks: int) -> Pattern | None:
    """The pattern of the judged part of a record, in which these stages could be seen; None where sizes may count after all.

    They do where a number is another one as s32 and as u32, and where somaxconn was not seen.
    """
    whole = int.from_bytes(part, sys.byteorder)
    if whole & _SIZES_COUNT:
        return None
    numbers = 0, *_unpacks_numbers(hooks)(part)
    _, backlog, somaxconn = numbers[:3]
    return whole & _REST, backlog > somaxconn, *map(numbers.index, numbers)


def _is_number(member: Member) -> bool:
    return member.name in _BACKLOGS or member.name.rpartition(".")[2] in _NUMBERS


def _rest(member: Member) -> int:
    """The bits that count as they are; of the backlog its sign."""
    if member.name == "backlog":
        return _SIGN
    left_out = _is_number(member) or member.is_padding or member.name in _NOT_COMPARED
    return 0 if left_out else (1 << 8 * member.size) - 1


def _sizes_count(member: Member) -> int:
    """The bits any of which says that sizes may count."""
    if member.name == "flags":
        return Flag.SYSCTLS_UNSEEN
    return _SIGN if _is_number(member) and member.size == 4 and member.name != "backlog" else 0


def _mask(bits_of: Callable[[Member], int]) -> int:
    """These bits of each member, where they stand in the part."""
    in_order = (bits_of(member).to_bytes(member.size, sys.byteorder) for member in JUDGED_MEMBERS)
    return int.from_bytes(b"".join(in_order), sys.byteorder)


_REST, _SIZES_COUNT = _mask(_rest), _mask(_sizes_count)


@lru_cache
def _unpacks_numbers(hooks: int) -> Callable[[bytes], tuple[int, ...]]:
    """Takes the numbers out of a part; those of a stage that could not be seen are not compared."""
    hidden = tuple(f"stages.{int(stage)}." for stage in StageIndex if not hooks >> stage & 1)
    codes = (
        member.format if _is_number(member) and not member.name.startswith(hidden) else f"{member.size}x"
        for member in JUDGED_MEMBERS
    )
    return struct.Struct(f"={''.join(codes)}").unpack
