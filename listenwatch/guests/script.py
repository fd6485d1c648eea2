"""The shell script that the guest runs: it joins a command to the guest's virtio ports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from listenwatch.guests.apt import GuestError

STATUS_PORT = "listenwatch.status"
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
port() {
    for name in /sys/class/virtio-ports/*/name; do
        if [ "$(cat "$name")" = "$1" ]; then name=${name%/name}; echo "/dev/${name##*/}"; fi
    done
}
# Without udev virtme-ng finds no ports and leaves this script on the console.
if [ ! -e /dev/virtio-ports/virtme.stdin ]; then
    exec <"$(port virtme.stdin)" >"$(port virtme.stdout)" 2>"$(port virtme.stderr)"
fi
exec 9>"$(port @STATUS_PORT@)"
# A port can be opened once only, a pipe as often as a command opens /dev/stdout.
mkdir -p /run/listenwatch
mkfifo /run/listenwatch/out /run/listenwatch/err
cat </run/listenwatch/out 9>&- & copiers=$!
cat </run/listenwatch/err >&2 9>&- & copiers="$copiers $!"
for fd in 0:stdin 1:stdout 2:stderr; do ln -sf "/proc/self/fd/${fd%:*}" "/dev/${fd#*:}"; done
ulimit -n @NOFILE@ 2>/dev/null
echo started >&9
(
    cd @CWD@ || exit 126
    exec env -i @ENVIRONMENT@ @COMMAND@
) >/run/listenwatch/out 2>/run/listenwatch/err 9>&-
status=$?
# A process left behind may hold a pipe open: give the output two seconds, not for ever.
(sleep 2; kill $copiers) >/dev/null 2>&1 9>&- &
wait $copiers 2>/dev/null
echo "exit $status" >&9
"""


def guest_script(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> str:
    """The script that runs ``command`` exactly as given, in ``cwd``, with this environment."""
    passed = [f"{name}={value}" for name, value in environment.items() if name not in NOT_PASSED]
    values = {
        "STATUS_PORT": STATUS_PORT,
        "NOFILE": "65536",
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
