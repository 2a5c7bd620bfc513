#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# First stage of the lab and of the guest inside it: /init of the initramfs
# that tests/lab/lab builds. Puts a tmpfs overlay on the host's root (9p,
# read-only), mounts what tools expect and hands over to stage2.sh in there.
#
# The overlay has a third layer between the two: /fast, copies of the programs
# and libraries that everything here uses. They need not come over 9p, which
# is slow in the guest (some 5 ms for each look-up).

bb=/bin/busybox

fail() {
	$bb echo "lab: init: $*"
	$bb sleep 1
	$bb reboot -f
}

$bb mkdir -p /proc /sys /dev /ro /rw /new
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1

while read -r module; do
	$bb insmod "/modules/$module" || fail "cannot load $module"
done </modules/order

opts=trans=virtio,version=9p2000.L,msize=512000
$bb mount -t 9p -o "ro,$opts,cache=loose" root /ro || fail "no root share"
$bb mount -t tmpfs -o mode=755,size=60% upper /rw || fail "no tmpfs"
$bb mkdir /rw/upper /rw/work
$bb mount -t overlay -o lowerdir=/fast:/ro,upperdir=/rw/upper,workdir=/rw/work \
	overlay /new || fail "no overlay"

$bb mkdir -p /dev/pts /dev/shm
$bb mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$bb mount -t tmpfs -o mode=1777 shm /dev/shm
$bb mount -t debugfs debugfs /sys/kernel/debug
$bb mount -t tracefs tracefs /sys/kernel/tracing
$bb mount -t bpf -o mode=700 bpf /sys/fs/bpf
$bb mount -t cgroup2 cgroup2 /sys/fs/cgroup
$bb ln -sf /proc/self/fd /dev/fd
$bb ln -sf /proc/self/fd/0 /dev/stdin
$bb ln -sf /proc/self/fd/1 /dev/stdout
$bb ln -sf /proc/self/fd/2 /dev/stderr

$bb mount -t tmpfs -o mode=755 run /new/run
$bb mkdir -p /new/run/lab/ctl /new/run/lock
# The control share carries the command in and its output and status out:
# uncached, so that what was written is on the other side at once.
$bb mount -t 9p -o "rw,$opts,cache=none,access=any" ctl /new/run/lab/ctl ||
	fail "no control share"
if $bb grep -qw lab.out /proc/cmdline; then
	$bb mkdir -p /new/out
	$bb mount -t 9p -o "rw,$opts,cache=none,access=any" out /new/out ||
		fail "no output share"
fi
$bb cp /stage2.sh $bb /new/run/lab/
for fs in proc sys dev; do
	$bb mount -o move "/$fs" "/new/$fs"
done
# Not switch_root: that empties the initramfs, and /fast is in it.
cd /new || fail "no new root"
$bb mount -o move . /
exec $bb chroot . /bin/bash /run/lab/stage2.sh
