"""The person behind sudo, and work on files with that person's rights."""

import contextlib
import os
import pwd
from collections.abc import Iterator


def behind_sudo() -> pwd.struct_passwd | None:
    """Whose sudo made us root; None where it was nobody's, or root's own."""
    with contextlib.suppress(KeyError, ValueError):
        if os.geteuid() == 0 and (number := int(os.environ["SUDO_UID"])):
            return pwd.getpwuid(number)
    return None


@contextlib.contextmanager
def as_person() -> Iterator[None]:
    """Files within are read and made as the person behind sudo could, and belong to that person; no effect without one.

    Nothing has to be given away then, and a link the person planted leads nowhere the person may not go.
    The user and groups are those of the whole process meanwhile: no other thread may open files.
    """
    person = behind_sudo()
    if person is None:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups(os.getgrouplist(person.pw_name, person.pw_gid))
    try:
        os.setegid(person.pw_gid)
        os.seteuid(person.pw_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
