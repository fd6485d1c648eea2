"""The shell script that the guest runs: it joins a command to the guest's ports."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from listenwatch.guests import machine
from listenwatch.guests.kernels import GuestKernel
from listenwatch.guests.userland import COMPILED
from listenwatch.linux.terminal import FORWARDED

#: These name things of the host's session that do not exist in the guest.
NOT_PASSED = frozenset({
    "_", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "OLDPWD", "PWD", "SHLVL", "SSH_AUTH_SOCK",
    "TMPDIR", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
})  # fmt: skip

#: These name this machine's programs, which a guest of another architecture cannot run.
OF_OWN_PROGRAMS = re.compile(r"PATH|VIRTUAL_ENV|(PYTHON|LD_).*")
IN_USERLAND = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "PYTHONPYCACHEPREFIX": COMPILED}

SCRIPT = r"""# Written by listenwatch: runs one command and reports its exit status on a port.
# Under emulation starting a program takes 20 ms and more, so this is for busybox, which contains them.
until [ -e /dev/vport*p@LAST@ ]; do usleep 10000; done
for last in /dev/vport*p@LAST@; do port=${last%@LAST@}; done
exec <"${port}@STDIN@" >"${port}@STDOUT@" 2>"${port}@STDERR@" 9>"${port}@STATUS@"
# A port can be opened once only, a pipe as often as a command opens /dev/stdout.
mkfifo /run/listenwatch/out @FORWARDED@
cat </run/listenwatch/out 9>&- & copiers=$!
cat <@FORWARDED@ >&2 9>&- & copiers="$copiers $!"
exec 2>/dev/null
ulimit -n @NOFILE@
mkdir -p /lib/modules
mount -t tmpfs modules /lib/modules
ln -s @MODULES@ /lib/modules/@RELEASE@
headers=@HEADERS@
if [ "$headers" ]; then
    # bcc and kbuild look for these two names.
    ln -s "$headers"/usr/src/* /usr/src/
    for link in "$headers"/lib/modules/*/build "$headers"/lib/modules/*/source \
        "$headers"/usr/lib/modules/*/build "$headers"/usr/lib/modules/*/source; do
        target=$(readlink "$link") && ln -sf "/usr/src/${target##*/}" "/lib/modules/@RELEASE@/${link##*/}"
    done
fi
echo started >&9
(
    cd @CWD@ || exit 126
    exec setsid /usr/bin/env -i @ENVIRONMENT@ @COMMAND@
) >/run/listenwatch/out 2>@FORWARDED@ 9>&-
status=$?
# A process left behind may hold a pipe open: give the output two seconds, not for ever.
(sleep 2; kill $copiers) >/dev/null 9>&- &
wait $copiers
sync
echo "exit $status" >&9
poweroff -f
"""


def guest_script(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], kernel: GuestKernel, headers: Path | None = None
) -> str:
    """The script that runs ``command`` exactly as given, in ``cwd``, with this environment.

    ``headers`` is the root of unpacked kernel headers, which then stand where they are looked for.
    """
    passed = {name: value for name, value in environment.items() if name not in NOT_PASSED}
    if not kernel.architecture.is_own:
        passed = {name: value for name, value in passed.items() if not OF_OWN_PROGRAMS.fullmatch(name)} | IN_USERLAND
    values = {
        "STDIN": str(machine.STDIN), "STDOUT": str(machine.STDOUT), "STDERR": str(machine.STDERR),
        "STATUS": str(machine.STATUS), "LAST": str(machine.STATUS), "NOFILE": "65536",
        "MODULES": shlex.quote(str(kernel.modules)), "RELEASE": kernel.release,
        "HEADERS": shlex.quote(str(headers or "")), "CWD": shlex.quote(str(cwd)),
        "ENVIRONMENT": shlex.join(f"{name}={value}" for name, value in passed.items()), "COMMAND": shlex.join(command), "FORWARDED": FORWARDED,
    }  # fmt: skip
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match.group(1)], SCRIPT)
