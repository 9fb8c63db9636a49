#!/bin/bash
# debian.sh FILE
#
# Builds the disk of the lab's whole Debian: a minimal bookworm with systemd, udev,
# dbus, sshd and cron, the lab's agent as a service, and services in namespaces of
# their own. The mirror is the one that this machine's apt already uses.
set -euo pipefail

file=$1
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "debian.sh: $*" >&2
    exit 1
}
# shellcheck source=testing/lab/mirror.sh
. "$here/mirror.sh"

command -v mmdebstrap >/dev/null || fail "mmdebstrap is not installed: run scripts/setup packages"
work=$(mktemp -d "$(dirname "$file")/debian.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
root=$work/root

for program in agent oracle; do
    ${CC:-cc} -static -O1 -g0 -std=gnu11 -Wall -Wextra -Wno-unused-result -pthread \
        -o "$work/lab-$program" "$here/$program"*.c
    strip "$work/lab-$program"
done

options=(--aptopt='Acquire::Languages "none"')
proxy=$(apt-config shell proxy Acquire::http::Proxy)
if [ -n "$proxy" ]; then
    eval "$proxy"
    options+=(--aptopt="Acquire::http::Proxy \"$proxy\"")
fi
for path in doc man locale info; do
    options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
done
mmdebstrap --quiet --mode=root --variant=apt --architectures=amd64 --keyring="$keyring" \
    --include=systemd-sysv,udev,dbus,openssh-server,iproute2,procps,cron \
    "${options[@]}" bookworm "$root" \
    "deb $(mirror Debian) bookworm main" \
    "deb $(mirror Debian-Security) bookworm-security main" >"$work/log" 2>&1 || {
    tail -n 15 "$work/log" >&2
    fail "mmdebstrap failed: see above"
}

install -m 755 "$work/lab-agent" "$root/usr/local/bin/lab-agent"
install -m 755 "$work/lab-oracle" "$root/usr/local/bin/oracle"
echo lab-debian >"$root/etc/hostname"
# Not a first boot, which would take its time.
echo 6e666d2d6c61622d64656269616e2121 >"$root/etc/machine-id"
echo '/dev/vda / ext4 rw,relatime 0 1' >"$root/etc/fstab"
: >"$root/etc/resolv.conf"

units=$root/etc/systemd/system
# Nothing may run by the clock, or ask the serial console for a password.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer systemd-tmpfiles-clean.timer serial-getty@ttyS0.service \
    systemd-random-seed.service; do
    ln -sf /dev/null "$units/$unit"
done
mkdir -p "$root/etc/systemd/journald.conf.d" "$units/multi-user.target.wants" \
    "$units/local-fs.target.wants"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n' \
    >"$root/etc/systemd/journald.conf.d/lab.conf"
cp "$root/usr/share/systemd/tmp.mount" "$units/tmp.mount"
ln -s ../tmp.mount "$units/local-fs.target.wants/tmp.mount"

unit() {
    cat >"$units/$1"
    ln -s "../$1" "$units/multi-user.target.wants/$1"
}
unit lab-network.service <<'UNIT'
[Unit]
Description=The lab's network, without IPv6 messages later on
DefaultDependencies=no
After=systemd-sysctl.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for one in all default eth0; do \
    echo 1 >/proc/sys/net/ipv6/conf/$one/disable_ipv6; done; \
    ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2'
UNIT
unit lab-container.service <<'UNIT'
[Unit]
Description=A container made by hand
[Service]
Delegate=yes
ExecStart=/usr/bin/unshare --pid --fork --mount-proc --uts --ipc --net --cgroup --mount \
    /bin/sh -c 'hostname lab-container; mount -t tmpfs -o size=1m inside /mnt; \
    ip link set lo up; sleep infinity & exec sleep infinity'
UNIT
unit lab-confined.service <<'UNIT'
[Unit]
Description=A service as systemd confines it
[Service]
DynamicUser=yes
PrivateTmp=yes
PrivateUsers=yes
PrivateNetwork=yes
ProtectSystem=strict
ProtectHome=yes
Nice=7
ExecStart=/usr/bin/sleep infinity
UNIT
unit lab-agent.service <<'UNIT'
[Unit]
Description=The lab's agent
After=multi-user.target ssh.service lab-container.service lab-confined.service lab-network.service
[Service]
Type=idle
# What starts last may still be settling.
ExecStartPre=/usr/bin/sleep 2
ExecStart=/usr/local/bin/lab-agent
Restart=always
[Install]
UNIT
# It waits for multi-user.target, so that cannot want it.
rm "$units/multi-user.target.wants/lab-agent.service"
mkdir -p "$units/graphical.target.wants"
ln -s ../lab-agent.service "$units/graphical.target.wants/lab-agent.service"
ln -sf /lib/systemd/system/graphical.target "$units/default.target"

rm -rf "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
# Not by a loop device, which a container may not have.
mke2fs -q -t ext4 -L lab-debian -d "$root" "$work/image" 700M
mv "$work/image" "$file"
