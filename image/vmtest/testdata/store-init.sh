#!/bin/busybox sh
# /init of TestStorePowerCuts: our kernel, a disk, and a program that writes to it until the power fails.
set -eu
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
busybox mkdir -p /proc /sys /dev /disk
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev 2>/dev/null || true # the kernel may have done it
for module in virtio_pci virtio_blk crc32c_generic ext4; do
	busybox modprobe $module
done
waited=0
until [ -b /dev/vda ]; do
	[ $waited -lt 100 ] || { echo "no disk" && exit 1; }
	waited=$((waited + 1)) && busybox sleep 0.1
done
busybox mount -t ext4 -o noatime /dev/vda /disk
busybox mkdir -p /disk/state
TWINPATH_STORE_VICTIM=/disk/state exec /store.test
