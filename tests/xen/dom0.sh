#!/bin/bash
# dom0.sh PACKAGES KERNEL FILE [qemu]
#
# Builds the initramfs of a Xen host's control domain: busybox, Xen's daemons, libvirt with its Xen
# driver, the modules of a kernel that testing/lab/kernel.sh prepared, and dom0-init. With 'qemu' also
# QEMU and libvirt's driver for it. What is tested comes in an archive of its own (see run).
# Uncompressed: under emulation unpacking costs more than copying.
set -euo pipefail

packages=$1 kernel=$2 file=$3 qemu=${4:-}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "dom0.sh: $*" >&2
    exit 1
}

tree=$packages/tree
libraries=usr/lib/x86_64-linux-gnu
tools=usr/lib/xen-$(<"$packages/release")/bin
busybox=$(command -v busybox) || fail "no busybox: run scripts/setup packages"
libvirtd=$(PATH=$PATH:/usr/sbin command -v libvirtd) || fail "no libvirtd: run scripts/setup packages"
work=$(mktemp -d "$(dirname "$file")/dom0.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

mkdir -p "$root"/{bin,dev,proc,sys,run,tmp,etc/libvirt,etc/xen,lib/modules,lib64,root,usr/{bin,sbin}} \
    "$root/$tools" "$root/$libraries/libvirt/connection-driver" "$root/usr/share/libvirt" \
    "$root"/var/{log/xen/console,log/libvirt,lib/xen,lib/libvirt,cache/libvirt}
ln -s ../run "$root/var/run"
ln -s ../usr/lib/x86_64-linux-gnu "$root/lib/x86_64-linux-gnu"
cp "$busybox" "$root/bin/busybox"
"$busybox" --list | while read -r name; do
    [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
done

for name in xenstored xenconsoled xen-init-dom0 libxl-save-helper; do
    cp "$tree/$tools/$name" "$root/$tools/"
    ln -s "/$tools/$name" "$root/usr/bin/$name"
done
cp "$tree/usr/bin/xenstore-read" "$root/usr/bin/"
cp "$libvirtd" "$root/usr/sbin/"
cp "$(command -v virsh)" "$root/usr/bin/"
cp "$tree/$libraries/libvirt/connection-driver/libvirt_driver_libxl.so" "$root/$libraries/libvirt/connection-driver/"
# libxl finds no CPU model where the map knows a feature of it that Xen's policy lacks.
cp -r /usr/share/libvirt/cpu_map "$root/usr/share/libvirt/"
sed -i "/name='vme'/d" "$root/usr/share/libvirt/cpu_map/x86_486.xml"
cat >"$root/etc/libvirt/libvirtd.conf" <<'END'
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
host_uuid = "6e666d2d-7465-7374-2d78-656e686f7374"
END
echo 'autoballoon = 0' >"$root/etc/libvirt/libxl.conf"
cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
libvirt-qemu:x:64055:64055:QEMU:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
END
cat >"$root/etc/group" <<'END'
root:x:0:
libvirt-qemu:x:64055:
kvm:x:104:
nogroup:x:65534:
END
cp "$kernel"/dom0/*.ko "$root/lib/modules/"
install -m 755 "$here/dom0-init" "$root/init"
${CC:-cc} -shared -fPIC -O1 -Wall -Wextra -o "$root/usr/lib/hurry.so" "$here/hurry.c"

if [ -n "$qemu" ]; then
    mkdir -p "$root"/etc/libvirt/qemu "$root"/usr/share/{qemu,seabios} "$root/usr/lib/ipxe/qemu"
    cp /usr/bin/qemu-system-x86_64 "$root/usr/bin/"
    mkdir -p "$root/$libraries/qemu"
    cp "/$libraries/qemu/accel-tcg-x86_64.so" "$root/$libraries/qemu/"
    cp "/$libraries/libvirt/connection-driver/libvirt_driver_qemu.so" "$root/$libraries/libvirt/connection-driver/"
    cp -L /usr/share/qemu/kvmvapic.bin "$root/usr/share/qemu/"
    cp -L /usr/share/seabios/bios-256k.bin "$root/usr/share/seabios/"
    cat >"$root/etc/libvirt/qemu.conf" <<'END'
user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
swtpm_user = "root"
swtpm_group = "root"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
END
fi

# Whatever these are linked to. libgcc_s is loaded by name when a thread ends.
export LD_LIBRARY_PATH=$tree/$libraries
find "$root/$tools" "$root/usr/bin" "$root/usr/sbin" "$root/$libraries/libvirt" -type f -print0 |
    xargs -0 ldd 2>/dev/null | awk '$3 ~ /^\// { print $3 }' | sort -u |
    xargs -I{} cp -L {} "$root/$libraries/"
cp -L "/lib/x86_64-linux-gnu/libgcc_s.so.1" "$root/$libraries/"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
for name in "$tree/$libraries"/libxenforeignmemory.so.1 "$tree/$libraries"/libxenctrl.so.*; do
    cp -L "$name" "$root/$libraries/$(basename "$name")"
done

(cd "$root" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$work/image"
mv "$work/image" "$file"
