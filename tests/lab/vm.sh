# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the lab and the guest inside it have in common: the initramfs and the
# QEMU arguments. Sourced by tests/lab/lab and tests/lab/topology.sh.

[[ -z ${VM_MODULES:-} ]] || return 0

# Modules the first stage needs; dependencies are found by modprobe.
readonly VM_MODULES='virtio_pci virtio_console 9pnet_virtio 9p overlay virtio_net'
# Programs that go into the fast layer with their libraries.
readonly VM_PROGRAMS='bash sh cat chmod cp cut date env find flock getconf grep head
	hostname id ip kill ln ls mkdir mkfifo mktemp modprobe mount mv ping
	readlink rm rmdir sed setsid sleep sort stat stty sysctl tail timeout touch
	tr true umount uname wc'
# What those read at their start: with the locale alone a dozen files.
readonly VM_FILES='/etc/ld.so.cache /etc/passwd /etc/group /etc/nsswitch.conf
	/etc/iproute2 /usr/lib/locale/C.utf8'
# What both kernels get: QEMU leaves at a panic (-no-reboot), and the search
# for an AGP bridge on 256 buses is left out (5 s in the guest). All messages
# are in dmesg; the console shows the grave ones. Programs at fixed addresses
# (norandmaps) need no new translation each time they start; "rep stosq"
# (feature 112, REP_GOOD) is slow in emulation; two kinds of hardening are off.
# shellcheck disable=SC2034 # for the users
readonly VM_APPEND='console=ttyS0 norandmaps clearcpuid=112 init_on_alloc=0 hardened_usercopy=off no_timer_check quiet loglevel=4 panic=-1 oops=panic rdinit=/init pci=noearly iommu=noaperture'

# Prints the initramfs of the kernel in folder $1, made in folder $2 unless it
# is there. The name carries a hash of all that goes in.
vm_initramfs() {
	local kernel=$1 cache=$2 here release hash image work path

	here=$(dirname "${BASH_SOURCE[0]}")
	release=$(<"$kernel/release")
	# Copies of installed programs are in there: any change of packages counts.
	hash=$({
		cat "$here/initramfs.sh" "$here/stage2.sh" "${BASH_SOURCE[0]}"
		stat -Lc '%n %Y %s' /var/lib/dpkg/status /etc/ld.so.cache
	} | sha256sum | cut -c1-16)
	image=$cache/$release-$hash.cpio
	if [[ -s $image ]]; then
		printf '%s\n' "$image"
		return 0
	fi
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/.work.XXXXXX")
	mkdir -p "$work"/root/{bin,modules}
	cp "$(command -v busybox)" "$work/root/bin/busybox"
	cp "$here/initramfs.sh" "$work/root/init"
	cp "$here/stage2.sh" "$work/root/stage2.sh"
	chmod 755 "$work/root/init"
	# shellcheck disable=SC2086 # a list of modules
	modprobe -d "$kernel" -S "$release" --show-depends -a $VM_MODULES |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/list"
	while read -r path; do
		vm_add_module "$path" "$work/root/modules"
	done <"$work/list"
	# shellcheck disable=SC2086 # a list of programs
	vm_add_programs "$work/root/fast" $VM_PROGRAMS
	(cd "$work/root" && find . | LC_ALL=C sort |
		cpio --quiet -o -H newc -R 0:0) >"$work/image"
	# Older images of the same kernel were made by older scripts.
	find "$cache" -maxdepth 1 -name "$release-*.cpio" -mtime +1 -delete
	mv "$work/image" "$image"
	rm -rf "$work"
	printf '%s\n' "$image"
}

# Busybox's insmod wants them plain.
vm_add_module() {
	local path=$1 dest=$2 name

	name=${path##*/}
	name=${name%%.ko*}.ko
	case $path in
	*.xz) xz -dc "$path" >"$dest/$name" ;;
	*.zst) zstd -qdc "$path" >"$dest/$name" ;;
	*.gz) gzip -dc "$path" >"$dest/$name" ;;
	*) cp "$path" "$dest/$name" ;;
	esac
	printf '%s\n' "$name" >>"$dest/order"
}

# Copies programs and their libraries into folder $1, which mirrors the root.
# Names of folders are resolved (/bin may be /usr/bin), those of files kept:
# a library is looked up under the name of its link.
vm_add_programs() {
	local dest=$1 program path dir

	shift
	mkdir -p "$dest"
	# shellcheck disable=SC2086 # a list of files
	for program; do
		path=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin type -P "$program") ||
			continue
		printf '%s\n' "$path"
		ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || :
	done | cat - <(printf '%s\n' $VM_FILES) | sort -u | while read -r path; do
		[[ -e $path ]] || continue
		dir=$(readlink -f "$(dirname "$path")")
		mkdir -p "$dest$dir"
		cp -LR "$path" "$dest$dir/"
	done
}

# Sets the array vm_args to what every machine here is started with: no
# default devices, the root share and the control share in folder $1.
# $2 is the kernel's folder, $3 the initramfs, $4 the console's log.
vm_common_args() {
	local ctl=$1 kernel=$2 initramfs=$3 console=$4

	# shellcheck disable=SC2034,SC2054 # read by the callers; QEMU's commas
	vm_args=(
		-nodefaults -no-user-config -display none -no-reboot
		-kernel "$kernel/vmlinux" -initrd "$initramfs"
		-chardev "file,id=console,path=$(vm_escape "$console")"
		-serial chardev:console
		-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap
		-device virtio-9p-pci,fsdev=root,mount_tag=root
		-fsdev "local,id=ctl,path=$(vm_escape "$ctl"),security_model=none,multidevs=remap"
		-device virtio-9p-pci,fsdev=ctl,mount_tag=ctl
		-device virtio-serial-pci
	)
}

# QEMU's option lists are split at commas.
vm_escape() { printf '%s' "${1//,/,,}"; }
