#!/bin/busybox sh
# /init of the bench: our kernel, the slot as the root, a tar file with what is to be tested, and nothing else.
set -eu
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
busybox mkdir -p /proc /sys /dev /lower /fresh /new
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev 2>/dev/null || true # the kernel may have done it
for module in virtio_pci virtio_blk squashfs overlay; do
	busybox modprobe $module
done
waited=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
	[ $waited -lt 100 ] || { echo "bench: no disks" && exit 1; }
	waited=$((waited + 1)) && busybox sleep 0.1
done
busybox mount -t squashfs -o ro /dev/vda /lower
busybox mount -t tmpfs -o size=75% fresh /fresh
busybox mkdir /fresh/upper /fresh/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/fresh/upper,workdir=/fresh/work root /new
for kernel in proc sys dev; do
	busybox mkdir -p /new/$kernel && busybox mount --move /$kernel /new/$kernel
done
busybox mkdir -p /new/bench /new/run /new/dev/pts
busybox mount -t tmpfs run /new/run
busybox mount -t devpts -o ptmxmode=666 pts /new/dev/pts
busybox tar -x -C /new/bench -f /new/dev/vdb
busybox cp /agent.sh /new/bench/agent.sh
cd /new
busybox chroot /new modprobe -a virtio_console virtio_rng || true
exec busybox switch_root /new /bin/sh /bench/agent.sh
