#!/bin/bash
# build-kernel.sh KERNEL FLAVOUR DIR
#
# Builds a kernel that no distribution ships from Debian's sources, with the configuration of FLAVOUR.config,
# and puts it into DIR, a new folder, as kernel.sh does: vmlinuz, release, package, config, and no module.
# It takes about ten minutes of one core.
set -euo pipefail

kernel=$1 flavour=$2 dir=$3
cache=$(dirname "$(dirname "$dir")")
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "build-kernel.sh: $*" >&2
    exit 1
}

[ -e "$here/$flavour.config" ] || fail "no configuration $flavour.config"
case "$kernel" in
6.1) suites='bookworm security:bookworm-security' ;;
6.12) suites='trixie security:bookworm-security' ;;
*) fail "no sources are known of kernel '$kernel'" ;;
esac

# What the kernel's own build needs beside what the project's does.
tools='flex bison bc libelf-dev libssl-dev dwarves'
# shellcheck disable=SC2086 # a list of names
if ! dpkg -s $tools >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $tools >&2 ||
        fail "could not install $tools"
fi

# shellcheck source=testing/lab/mirror.sh
. "$here/mirror.sh"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
# shellcheck disable=SC2086 # a list of suites
private_apt "$work/apt" $suites
# A suite that has gone must not hide another that still serves: judge by the download.
apt-get -q update >log 2>&1 || true
apt-get -q download "linux-source-$kernel" >>log 2>&1 || {
    tail -n 5 log >&2
    fail "could not download linux-source-$kernel"
}
package=$(basename ./*.deb .deb)
dpkg --fsys-tarfile ./*.deb | tar -xO "./usr/src/linux-source-$kernel.tar.xz" | tar -xJ
rm ./*.deb

export ARCH=x86_64 LOCALVERSION="-$flavour"
source=$work/linux-source-$kernel
make -s -C "$source" O="$work/out" allnoconfig KCONFIG_ALLCONFIG="$here/$flavour.config" >>log 2>&1 || {
    tail -n 20 log >&2
    fail "$flavour.config is not accepted"
}
# An option that the kernel does not have, or that another forbids, is dropped in silence.
while IFS= read -r line; do
    case "$line" in
    *=n) ! grep -q "^${line%=n}=" "$work/out/.config" ;;
    CONFIG_*) grep -qxF "$line" "$work/out/.config" ;;
    esac || fail "$flavour.config: $line was not taken"
done <"$here/$flavour.config"
nice -n 19 make -s -C "$source" O="$work/out" -j"$(nproc)" bzImage >>log 2>&1 || {
    tail -n 20 log >&2
    fail "the kernel did not build"
}

out=$dir.new
rm -rf "$out"
mkdir -p "$out/modules" "$out/disk" "$out/dom0"
cp "$work/out/arch/x86/boot/bzImage" "$out/vmlinuz"
cp "$work/out/.config" "$out/config"
cp "$work/out/include/config/kernel.release" "$out/release"
# What a change of the configuration makes another.
echo "$package $(sha256sum <"$here/$flavour.config")" >"$out/package"
chmod -R a+rX "$out"

# Complete: only now does it get its name.
rm -rf "$dir"
mv "$out" "$dir"
