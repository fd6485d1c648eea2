#!/usr/bin/env bash
# The kernel of this Debian's backports; the machine is started again afterwards.
set -euo pipefail
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
	awk -v r="$VERSION_CODENAME" '$2 == r { print $1; exit }')
echo "deb $mirror $VERSION_CODENAME-backports main" >/etc/apt/sources.list.d/backports.list
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -t "$VERSION_CODENAME-backports" \
	linux-image-amd64 linux-headers-amd64
