"""The shell script that the guest runs: it joins a command to the guest's virtio ports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from listenwatch.errors import GuestError

STATUS_PORT = "listenwatch.status"
STDERR_PORT = "listenwatch.stderr"
#: Copy-on-write in the guest: writes work and are forgotten.
OVERLAYS = ("/etc", "/home", "/lib", "/opt", "/root", "/srv", "/tmp", "/usr", "/var")
#: virtme-ng mounts an empty tmpfs over each of these.
HIDDEN = ("/dev", "/proc", "/run", "/sys", "/var/cache", "/var/log", "/var/tmp", "/var/lib/apt")
#: These name things of the host's session that do not exist in the guest.
NOT_PASSED = frozenset({
    "_", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "OLDPWD", "PWD", "SHLVL", "SSH_AUTH_SOCK",
    "TMPDIR", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
})  # fmt: skip

SCRIPT = r"""# Written by listenwatch: runs one command and reports its exit status on a port.
# Under emulation a fork takes 20 ms and more, so this uses bash's own means where it can.
declare -A port
for file in /sys/class/virtio-ports/*/name; do
    read -r name <"$file" && file=${file%/name} && port[$name]=/dev/${file##*/}
done
if [[ /proc/$$/fd/1 -ef ${port[virtme.stdout]} ]]; then
    # Where udev named the ports virtme-ng has joined them, and these links lead to further ones.
    for fd in 0:stdin 1:stdout 2:stderr; do ln -sf "/proc/self/fd/${fd%:*}" "/dev/${fd#*:}"; done
else
    # Elsewhere it finds none and leaves this script on the console.
    exec <"${port[virtme.stdin]}" >"${port[virtme.stdout]}"
fi
exec 2>"${port[@STDERR_PORT@]}" 9>"${port[@STATUS_PORT@]}"
# A port can be opened once only, a pipe as often as a command opens /dev/stdout.
mkdir -p /run/listenwatch /run/lock
mkfifo /run/listenwatch/out /run/listenwatch/err
cat </run/listenwatch/out 9>&- & copiers=$!
cat </run/listenwatch/err >&2 9>&- & copiers="$copiers $!"
ulimit -n @NOFILE@
headers=@HEADERS@
if [[ $headers ]]; then
    # bcc and kbuild look for these two names.
    ln -s "$headers"/usr/src/* /usr/src/
    for link in "$headers"{,/usr}/lib/modules/*/{build,source}; do
        target=$(readlink "$link") && ln -sf "/usr/src/${target##*/}" "/lib/modules/$(uname -r)/${link##*/}"
    done
fi
# bash would describe, environment and all, a command that a signal ended.
exec 2>/dev/null
echo started >&9
(
    cd @CWD@ || exit 126
    exec env -i @ENVIRONMENT@ @COMMAND@
) >/run/listenwatch/out 2>/run/listenwatch/err 9>&-
status=$?
# A process left behind may hold a pipe open: give the output two seconds, not for ever.
(sleep 2; kill $copiers) >/dev/null 9>&- &
wait $copiers
echo "exit $status" >&9
"""


def guest_script(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    headers: Path | None = None,
) -> str:
    """The script that runs ``command`` exactly as given, in ``cwd``, with this environment.

    ``headers`` is the root of unpacked kernel headers, which then stand where they are looked for.
    """
    passed = [f"{name}={value}" for name, value in environment.items() if name not in NOT_PASSED]
    values = {
        "STATUS_PORT": STATUS_PORT,
        "STDERR_PORT": STDERR_PORT,
        "NOFILE": "65536",
        "HEADERS": shlex.quote(str(headers or "")),
        "CWD": shlex.quote(str(cwd)),
        "ENVIRONMENT": shlex.join(passed),
        "COMMAND": shlex.join(command),
    }
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match.group(1)], SCRIPT)


def shareable(cwd: Path) -> Path:
    """The working directory as the guest can mount it; GuestError for a name it cannot."""
    real = cwd.resolve()
    if re.search(r"[^a-zA-Z0-9_+ /.-]", str(real)):
        raise GuestError(f"cannot share {real} with a guest: use a directory with a plainer name")
    return real
