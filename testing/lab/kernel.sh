#!/bin/bash
# kernel.sh KERNEL FLAVOUR DIR
#
# Puts a Debian kernel and the modules the lab loads into DIR, a new folder:
#   vmlinuz  release  package  config (if the package has one)
#   modules/NN-name.ko   uncompressed, in the order in which to load them
#   disk/NN-name.ko      what a guest with a disk loads beside these
#   dom0/NN-name.ko      what a Xen host loads (the cloud flavour has none of them)
#   extra/NN-name.ko     network drivers and file systems that a test loads by itself
#   lab                  set_number
# The newest package of the kernel's suites is downloaded and unpacked, never
# installed. The mirror is the one this machine's apt already uses.
set -euo pipefail

# Goes up when a module is added, so that 'guest' fetches anew what an older lab left in the cache.
set_number=5

kernel=$1 flavour=$2 dir=$3
cache=$(dirname "$(dirname "$dir")")

fail() {
    echo "kernel.sh: $*" >&2
    exit 1
}

# Which suites hold it (newest name wins), and what the package is called.
case "$flavour" in
cloud) suffix='cloud-amd64' ;;
generic) suffix='amd64' ;;
rt) suffix='rt-amd64' ;; # PREEMPT_RT
*) fail "unknown flavour '$flavour': cloud, generic or rt" ;;
esac
case "$kernel" in
5.10) suites='bullseye security:bullseye-security' pattern="linux-image-5\\.10\\.0-[0-9]+-$suffix" ;;
6.1) suites='bookworm security:bookworm-security' pattern="linux-image-6\\.1\\.0-[0-9]+-$suffix" ;;
6.12) suites='trixie security:bookworm-security' pattern="linux-image-6\\.12\\.[0-9]+\\+deb[0-9]+-$suffix" ;;
7.2) suites='sid' pattern="linux-image-7\\.2\\.[0-9]+\\+deb[0-9]+-$suffix" ;;
*) fail "unknown kernel '$kernel': 5.10, 6.1, 6.12 or 7.2" ;;
esac

# ---------------------------------------------------------------------------

# shellcheck source=testing/lab/mirror.sh
. "$(dirname "${BASH_SOURCE[0]}")/mirror.sh"
apt_root=$cache/apt/$kernel
# shellcheck disable=SC2086 # a list of suites
private_apt "$apt_root" $suites

# A suite that has gone must not hide another that still serves: judge by
# what can be found after the update, not by its status.
log=$(apt-get -q update 2>&1) || true
package=$(apt-cache pkgnames | grep -Ex "$pattern" | sort -V | tail -n 1) || true
if [ -z "$package" ]; then
    printf '%s\n' "$log" | tail -n 5 >&2
    fail "no package like $pattern in ${suites//security:/}: the suites may have moved on, see the table in testing/lab/kernel.sh"
fi

# ---------------------------------------------------------------------------

work=$(mktemp -d "$cache/kernel.XXXXXX")
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    # Since 7.x the image package is empty, and depends on these two.
    parts=$(apt-cache depends "$package" | sed -nE 's/^ *Depends: (linux-(binary|modules)-.*)/\1/p')
    # shellcheck disable=SC2086 # a list of names
    apt-get -q download "$package" $parts >log 2>&1 || {
        tail -n 5 log >&2
        exit 1
    }
    for deb in ./*.deb; do
        dpkg -x "$deb" tree
    done
) || fail "could not download and unpack $package"
# The lists are large and are fetched anew for the next kernel anyway.
rm -rf "$apt_root"
rmdir "$cache/apt" 2>/dev/null || true # another kernel may be at it

tree=$work/tree
modules=$(find "$tree" -type d -path '*/lib/modules/*' -name kernel -print -quit)
[ -n "$modules" ] || fail "$package holds no kernel modules"
release=$(basename "$(dirname "$modules")")
vmlinuz=$(find "$tree/boot" "$tree/usr/lib/modules/$release" -maxdepth 1 -name 'vmlinuz*' -print -quit 2>/dev/null) || true
[ -n "$vmlinuz" ] || fail "$package holds no vmlinuz"

# What the lab loads, beside what these need in turn. A name that the kernel
# has built in is simply not there.
# (ext4 finds its checksum by name at mount time, not by a symbol.)
wanted='virtio_pci virtio_net virtio_console e1000 dummy veth tun bridge
        loop crc32c_generic ext4 overlay nf_tables nf_conntrack sit virtio_balloon
        vhost_net'
# Network devices that are stacked on others, tunnels, NICs that QEMU emulates, and a file system.
extra='8021q bonding macvlan ipvlan team vrf ifb ipip ip_gre ip6_tunnel ip6_gre vxlan geneve
       macsec nlmon e1000e 8139too xfs'

out=$dir.new
rm -rf "$out"
mkdir -p "$out/modules" "$out/disk" "$out/dom0" "$out/extra"
number=10
done_names=' '

module_file() {
    # File names have - where module names have _, as it pleased the author.
    find "$modules" -regextype posix-extended -type f \
        -regex ".*/${1//[-_]/[-_]}\\.ko(\\.xz|\\.zst|\\.gz)?" -print -quit
}

# add_module NAME FOLDER
add_module() {
    local name=${1//-/_} file plain dependency
    case "$done_names" in *" $name "*) return 0 ;; esac
    done_names+="$name "
    file=$(module_file "$name")
    [ -n "$file" ] || return 0
    plain=$work/$name.ko
    case "$file" in
    *.xz) xz -dc "$file" >"$plain" ;;
    *.zst) zstd -qdc "$file" >"$plain" ;;
    *.gz) gzip -dc "$file" >"$plain" ;;
    *) cp "$file" "$plain" ;;
    esac
    # depmod has not run: the module says itself what it needs.
    for dependency in $(tr '\0' '\n' <"$plain" | sed -n 's/^depends=//p' | tr ',' ' '); do
        add_module "$dependency" "$2"
    done
    mv "$plain" "$out/$2/$number-$name.ko"
    number=$((number + 1))
}

for name in $wanted; do
    add_module "$name" modules
done
add_module virtio_blk disk
for name in $extra; do
    add_module "$name" extra
done
if [ "$flavour" = generic ]; then
    for name in xen_privcmd xen_evtchn xen_gntdev xen_gntalloc xenfs; do
        add_module "$name" dom0
    done
fi

cp "$vmlinuz" "$out/vmlinuz"
config=$(find "$tree" -name "config-$release" -o -path "*/$release/config" | head -n 1)
[ -z "$config" ] || cp "$config" "$out/config"
echo "$release" >"$out/release"
echo "$package" >"$out/package"
echo "$set_number" >"$out/lab"
chmod -R a+rX "$out"

# Complete: only now does it get its name.
rm -rf "$dir"
mv "$out" "$dir"
