#!/usr/bin/env bash
# Sets the lab's machine up: packages, listenwatch, a greeting. Run again, it does only what is missing.
set -euo pipefail
checkout=/home/vagrant/listenwatch
cd "$checkout"

install() {
	local missing=()
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} = 0 ] && return
	echo "installing: ${missing[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

mapfile -t packages <vagrant/packages
install "${packages[@]}" "linux-headers-$(uname -r)"
# the exercises start their own
systemctl --quiet disable --now nginx redis-server 2>/dev/null || true

if ls listenwatch/bpf/{listen,overflow}."$(uname -m)".bpf.o >/dev/null 2>&1; then
	# A box of `make box` has what pip would fetch.
	[ -d /opt/listenwatch-wheels ] && export PIP_NO_INDEX=1 PIP_FIND_LINKS=/opt/listenwatch-wheels
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --editable .
else
	make setup
fi
ln -sf "$checkout/.venv/bin/listenwatch" /usr/local/bin/listenwatch

touch /etc/listenwatch-lab # a machine that exercises may break

if ! [ -e /sys/bus/event_source/devices/kprobe ]; then
	echo "this kernel ($(uname -r)) has no kprobes: exercise 11 cannot be done here" >&2
fi
cat >/etc/motd <<END

The listenwatch lab, Linux $(uname -r).
  listenwatch lab list              the exercises
  listenwatch lab start 1           the first task, and a file to begin with
  sudo listenwatch lab check 1      run it under the probe
  sudo listenwatch                  every listen() on this machine, until Ctrl-C

END
listenwatch --version
