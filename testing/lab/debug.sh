#!/bin/bash
# debug.sh KERNEL FLAVOUR DIR
#
# Puts the debug package of a kernel of the lab's cache into DIR, a new folder laid out as the package is:
#   usr/lib/debug/boot/vmlinux-RELEASE, System.map-RELEASE
#   usr/lib/debug/lib/modules/RELEASE/kernel/drivers/net/…/veth.ko, virtio_net.ko (of the modules' only
#   those whose structures nfm knows)
# It is downloaded (283 MB for the 6.1 cloud kernel) and unpacked (580 MB), never installed. Its version is
# just the kernel's. A debug package comes with 5.10 to 6.12 alike.
set -euo pipefail

kernel=$1 flavour=$2 dir=$3
cache=$(dirname "$(dirname "$dir")")
of=$cache/kernels/$kernel-$flavour

fail() {
    echo "debug.sh: $*" >&2
    exit 1
}

case "$kernel" in
5.10) suites='bullseye security:bullseye-security' ;;
6.1) suites='bookworm security:bookworm-security' ;;
6.12) suites='trixie security:bookworm-security' ;;
*) fail "no debug package is known of kernel '$kernel'" ;;
esac
[ -e "$of/package" ] || fail "the cache has no kernel $kernel-$flavour: 'testing/lab/guest prepare $kernel-$flavour' fetches it"
package=$(<"$of/package")-dbg
release=$(<"$of/release")

# shellcheck source=testing/lab/mirror.sh
. "$(dirname "${BASH_SOURCE[0]}")/mirror.sh"

mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$(dirname "$dir")/XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086 # a list of suites
private_apt "$work/apt" $suites
cd "$work"
# A suite that has gone must not hide another that still serves: judge by the download.
apt-get -q update >log 2>&1 || true
apt-get -q download "$package" >>log 2>&1 || {
    tail -n 5 log >&2
    fail "could not download $package: 'testing/lab/guest prepare $kernel-$flavour' fetches the newest kernel, whose symbols the archive still has"
}
mkdir tree
# 5.10 and 6.1 name the modules' files as the modules, 6.12 adds .debug.
dpkg --fsys-tarfile ./*.deb | tar -x -C tree --wildcards \
    './usr/lib/debug/boot/*' '*/drivers/net/veth.ko*' '*/drivers/net/virtio_net.ko*'
[ -e "tree/usr/lib/debug/boot/vmlinux-$release" ] || fail "$package holds no vmlinux-$release"
chmod -R a+rX tree

# Complete: only now does it get its name.
rm -rf "$dir"
mv tree "$dir"
