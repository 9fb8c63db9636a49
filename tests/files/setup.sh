#!/bin/sh
# shellcheck disable=SC2086 # The numbers have no spaces.
# Makes files of every kind below /tmp/f, in the lab's guest. The test reads it.
set -e
mkdir -p /tmp/f/deep/er /tmp/f/ram /tmp/f/huge /tmp/f/bound /tmp/f/jail/bin
cd /tmp/f
mount -t ramfs ramfs ram
mount -t tmpfs -o huge=always,size=100m tmpfs huge
mount --bind /srv/www bound

# 1 byte to 12 MB (larger ones are in large.sh); parts that were never written; large pages.
i=0
while [ $i -lt 190 ]; do
    i=$((i + 1))
    head -c $((i * i * 5 + i % 3)) /dev/urandom >deep/file-$i
done
head -c 1 /dev/urandom >one
: >empty
head -c 4194307 /dev/urandom >large
head -c 12582917 /dev/urandom >huge/file
head -c 300000 /dev/urandom >ram/file
truncate -s 5000001 sparse
dd if=/dev/urandom of=sparse bs=4096 count=3 seek=300 conv=notrunc 2>/dev/null
truncate -s 3000000 hole
fallocate -l 2000000 allocated

# Links, short and long, and those that lead nowhere.
ln -s one link
ln -s /tmp/f/deep/file-7 absolute
ln -s ../../one deep/er/relative
long=$(printf 'x%.0s' $(seq 200))
mkdir "$long"
echo in >"$long/in"
ln -s "$long/../$long/in" long-link
ln one hard
ln -s loop-2 loop-1
ln -s loop-1 loop-2
ln -s nowhere dangling

# Kinds, modes, owners, times, names.
mkfifo fifo
mknod device c 4 64
mknod block b 259 1000
chmod 4751 deep/file-1
chmod 1777 deep/er
chown 1000:33 deep/file-2
chmod 0 deep/file-3
touch -d '2001-02-03 04:05:06' deep/file-4
echo 255 >"$(printf 'n%.0s' $(seq 255))"
echo space >'with space'
echo line >"$(printf 'new\nline')"
echo bytes >"$(printf 'no \377 text')"

# Attributes. (user.* on tmpfs is newer.)
oracle --set-xattr deep/file-5 trusted.note 'some text'
oracle --set-xattr deep/file-5 security.nfm-lab "$long"
oracle --set-xattr deep trusted.empty ''

# What is no name any more.
echo gone >removed
rm removed
mkdir removed-folder
rmdir removed-folder

# Processes with another root directory, with mounts of their own, and with a file that is removed.
cp /bin/busybox jail/bin/
chroot jail /bin/busybox sleep 100000 >/dev/null 2>&1 &
echo "jail $!"
unshare -m /bin/sh -c 'mount -t tmpfs inside /mnt; echo private >/mnt/file; exec sleep 100000' >/dev/null 2>&1 &
echo "apart $!"
/bin/sh -c 'exec 9>/tmp/f/gone.log; rm /tmp/f/gone.log; seq 1 300000 >&9; exec sleep 100000' >/dev/null 2>&1 &
echo "log $!"
for pid in $(jobs -p); do
    until grep -q '^sleep\|busybox' /proc/$pid/comm; do usleep 20000; done
done
