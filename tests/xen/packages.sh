#!/bin/bash
# packages.sh DIR
#
# Puts what a Xen host needs beside a kernel into DIR, a new folder:
#   tree/      the packages, unpacked: hypervisor, tools, libraries, libvirt's Xen driver
#   release    the hypervisor's release, such as 4.17
#   versions   the packages and their versions
# They come from the mirrors that this machine's apt uses and are unpacked, never installed.
set -euo pipefail

dir=$1

fail() {
    echo "packages.sh: $*" >&2
    exit 1
}

# The package of the whole system names the hypervisor of this Debian's release.
release=$(apt-cache depends xen-system-amd64 2>/dev/null |
    sed -n 's/^ *Depends: xen-hypervisor-\(.*\)-amd64$/\1/p' | head -n 1)
[ -n "$release" ] || fail "this machine's apt knows no xen-system-amd64 (run apt-get update, or look at /etc/apt/sources.list)"
libvirt=$(dpkg-query -W -f '${Version}' libvirt-daemon 2>/dev/null) ||
    fail "libvirt-daemon is not installed: run scripts/setup packages"

# The driver is loaded by this machine's libvirtd, so it has to be of the same version.
wanted=("xen-hypervisor-$release-amd64" "xen-utils-$release" xenstore-utils
    "libvirt-daemon-driver-xen=$libvirt")
mapfile -t libraries < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "xen-utils-$release" xenstore-utils |
    grep -Ex 'lib(xen|yajl)[a-z0-9.]*' | sort -u)
versions=$(apt-cache policy "${wanted[@]%=*}" "${libraries[@]}" | awk '/^[^ ]/ { name = $1 } /Candidate:/ { print name, $2 }')

if [ "$(cat "$dir/versions" 2>/dev/null)" = "$versions" ]; then
    exit 0
fi
echo "packages.sh: fetching Xen $release" >&2
work=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    apt-get -q -o APT::Sandbox::User=root download "${wanted[@]}" "${libraries[@]}" >log 2>&1 || {
        tail -n 5 log >&2
        exit 1
    }
    for deb in ./*.deb; do
        dpkg -x "$deb" tree
    done
    rm -- *.deb log
) || {
    [ -e "$dir/versions" ] || fail "could not download and unpack Xen $release"
    echo "packages.sh: using the cached Xen $(cat "$dir/release") instead" >&2
    exit 0
}
echo "$release" >"$work/release"
echo "$versions" >"$work/versions"
chmod 755 "$work"

# Complete: only now does it get its name.
rm -rf "$dir"
mv "$work" "$dir"
trap - EXIT
