"""seccomp_unotify(2): a call that waits for our answer, and the answers there are."""

import contextlib
import struct
from fcntl import ioctl
from typing import NamedTuple

_RECEIVE, _SEND, _ID_VALID = 0xC050_2100, 0xC018_2101, 0x4008_2102  # SECCOMP_IOCTL_NOTIF_*
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
"""struct seccomp_notif: id, pid, flags, and of struct seccomp_data: nr, arch, instruction_pointer, args."""
_RESPONSE = struct.Struct("=QqiI")
"""struct seccomp_notif_resp: id, val, error, flags."""
_CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE


class Notification(NamedTuple):
    """A thread that waits in a system call: ``tid`` as our pid namespace numbers it, ``listener`` where to answer."""

    listener: int
    id: int
    tid: int
    number: int
    audit_arch: int
    arguments: tuple[int, ...]

    def is_valid(self) -> bool:
        """Whether the thread waits still: what was read of it before was its own then, and nobody else's."""
        with contextlib.suppress(FileNotFoundError):
            ioctl(self.listener, _ID_VALID, struct.pack("=Q", self.id))
            return True
        return False

    def answer(self, error: int) -> bool:
        """Let the call return 0, or fail with an errno; False if nobody waits for it any more."""
        return self._send(-error, 0)

    def let_happen(self) -> bool:
        """Have the kernel go on with the call as if there was no filter; False if nobody waits for it any more."""
        return self._send(0, _CONTINUE)

    def _send(self, error: int, flags: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            ioctl(self.listener, _SEND, _RESPONSE.pack(self.id, 0, error, flags))
            return True
        return False


def receive(listener: int) -> Notification | None:
    """The next call that waits; None where its thread has gone in the meantime."""
    buffer = bytearray(_NOTIFICATION.size)  # the kernel wants zeros
    try:
        ioctl(listener, _RECEIVE, buffer)
    except (FileNotFoundError, InterruptedError):
        return None
    identity, tid, _, number, audit_arch, _, *arguments = _NOTIFICATION.unpack(buffer)
    return Notification(listener, identity, tid, number, audit_arch, tuple(arguments))
