"""Whose files are read and made: those of this user, or of the person behind sudo."""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from listenwatch.errors import UsageError


def folder_of_ours(variable: str, in_home: str) -> Path:
    """The folder that an environment variable names, or ``in_home`` of this user's home; UsageError where there is neither."""
    try:
        named = os.environ.get(variable)
        return Path(named).expanduser() if named else Path.home() / in_home
    except RuntimeError:  # no HOME, and nothing in /etc/passwd
        raise UsageError(f"this user has no home directory: set {variable} to a folder of yours") from None


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
