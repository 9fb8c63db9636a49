#!/bin/bash
# initramfs.sh KERNELDIR FILE
#
# Builds the lab guest's initramfs for a kernel that kernel.sh prepared: busybox,
# the static programs compiled from the C files here, the kernel's modules and
# the rc script. Uncompressed: under emulation unpacking costs more than copying.
set -euo pipefail

kernel=$1 file=$2
here=$(cd "$(dirname "$0")" && pwd)

busybox=$(command -v busybox) || {
    echo "initramfs.sh: no busybox: run scripts/setup packages" >&2
    exit 1
}
work=$(mktemp -d "$(dirname "$file")/initramfs.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,etc,lib/{modules,extra},srv/{www,jail},home/{alice,bob},root,var/log}
cp "$busybox" "$root/bin/busybox"
# All of busybox's commands, by links: the guest has no time to make them.
"$busybox" --list | while read -r name; do
    [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
done
ln -s bin/busybox "$root/init"
# A kernel may have none.
find "$kernel/modules" -name '*.ko' -exec cp -t "$root/lib/modules/" {} +
# What an older lab fetched has no folder of others, and without a network it must do.
for folder in extra disk; do
    [ ! -d "$kernel/$folder" ] || find "$kernel/$folder" -name '*.ko' -exec cp -t "$root/lib/extra/" {} +
done

for program in agent oracle workload churn network; do
    # workload.c and workload_*.c, for one.
    ${CC:-cc} -static -O1 -g0 -std=gnu11 -Wall -Wextra -Wno-unused-result -pthread \
        -o "$root/bin/lab-$program" "$here/$program"*.c
    strip "$root/bin/lab-$program"
done
mv "$root/bin/lab-oracle" "$root/bin/oracle"
mv "$root/bin/lab-churn" "$root/bin/churn"
mv "$root/bin/lab-network" "$root/bin/network"

install -m 755 "$here/rc" "$here/quiet-net" "$root/etc/"
cat >"$root/etc/inittab" <<'END'
::sysinit:/etc/rc
::respawn:/bin/lab-agent
END
cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
www:x:33:33:www:/srv/www:/bin/false
alice:x:1000:1000:Alice:/home/alice:/bin/sh
bob:x:1001:1001:Bob:/home/bob:/bin/sh
END
cat >"$root/etc/group" <<'END'
root:x:0:
www:x:33:
users:x:100:alice,bob
alice:x:1000:
bob:x:1001:
END
echo lab-guest >"$root/etc/hostname"
seq -f 'line %04g of a file that the workload reads' 1 2000 >"$root/srv/www/data.txt"
# A name that is no UTF-8.
echo latin >"$root/root/na"$'\xef'"ve"
# Made here: in the guest it would wait a second for randomness.
truncate -s 1M "$root/srv/disk.img"
"$busybox" mke2fs -F "$root/srv/disk.img" >/dev/null

(cd "$root" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$work/image"
chmod 644 "$work/image"
mv "$work/image" "$file"
