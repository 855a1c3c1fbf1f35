#!/bin/sh
# boot.sh ROOT.tar SHARED ROOT boots a Debian root under systemd, as process 1 of the namespaces that the caller has made for it. The root is
# unpacked into memory at ROOT, and is gone with them. SHARED is seen there as /mnt.
set -eu
root=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
tar -xf "$1" -C "$root" --exclude='./dev/*'
mount --bind "$2" $root/mnt
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=755 tmpfs $root/dev
# Nodes of its own: what systemd does to them is not done to the host's.
while read -r name major minor; do
	mknod -m 666 $root/dev/"$name" c "$major" "$minor"
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
mkdir $root/dev/pts $root/dev/shm
ln -s /proc/self/fd $root/dev/fd
mount -t proc proc $root/proc
# Of the kernel's settings only those of the network are the namespace's own.
mount --bind $root/proc/sys $root/proc/sys
mount --bind $root/proc/sys/net $root/proc/sys/net
mount -o remount,bind,ro $root/proc/sys
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
# Nothing that is about hardware, the host or a login.
for unit in systemd-modules-load systemd-sysctl systemd-journal-flush console-getty systemd-remount-fs systemd-udevd systemd-networkd; do
	ln -sf /dev/null $root/etc/systemd/system/$unit.service
done
echo machine >$root/etc/hostname
cd $root
mount --move . /
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal
