#!/bin/sh
# Makes large files on xfs and on large pages, and swap, in the lab's guest with a disk. The test reads it.
set -e
for module in /lib/extra/*-virtio_blk.ko /lib/extra/*crc32c*.ko /lib/extra/*-xfs.ko; do
    [ ! -e "$module" ] || insmod "$module"
done
mkdir -p /mnt/xfs /tmp/huge
mount -t xfs /dev/vda /mnt/xfs
mount -t tmpfs -o huge=always,size=220m tmpfs /tmp/huge

# Random bytes take the guest's time: the large files repeat some, with a number between.
head -c 5000000 /dev/urandom >/tmp/piece
numbered() {
    i=0
    while [ $i -lt "$1" ]; do
        i=$((i + 1))
        echo $i
        cat /tmp/piece
    done
}
numbered 42 >/tmp/huge/file
mkdir -p /mnt/xfs/tree/deep
cd /mnt/xfs/tree
numbered 30 >large
i=0
while [ $i -lt 200 ]; do
    i=$((i + 1))
    head -c $((i * i * 3 + i % 3 - 3)) /tmp/piece >$i
done
truncate -s 5000001 sparse
dd if=/tmp/piece of=sparse bs=4096 count=3 seek=300 conv=notrunc 2>/dev/null
chown 1000:33 2
chmod 4751 3
touch -d '2001-02-03 04:05:06' 4
ln -s ../large deep/link
mkfifo fifo
oracle --set-xattr 5 user.note 'some text'
oracle --set-xattr 5 trusted.note more
oracle --set-xattr deep security.nfm-lab ''
oracle --set-xattr 7 user.long "$(head -c 3000 /dev/zero | tr '\0' x)"
sync

fallocate -l 64m /mnt/xfs/swap
chmod 600 /mnt/xfs/swap
mkswap /mnt/xfs/swap >/dev/null
swapon /mnt/xfs/swap
head -c 4000001 /tmp/piece >/tmp/swapped
