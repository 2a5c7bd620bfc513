#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs what is missing of the Debian packages that building and testing
# need. Called by make deps, CI and people; does nothing when all is there.
#
# usage: deps.sh [build|test|lab|all]    (default: all)
set -euo pipefail

# purpose, package. Debian 12's names.
readonly PACKAGES='
build	gcc
build	make
build	pkg-config
build	clang
build	llvm
build	libbpf-dev
build	libelf-dev
build	zlib1g-dev
build	libcjson-dev
build	bpftool
build	libc6-dev
build	linux-libc-dev
test	bats
test	bats-support
test	bats-assert
test	jq
test	python3
test	python3-jsonschema
test	man-db
test	mandoc
test	tcpdump
test	tshark
test	shellcheck
test	clang-format
test	fish
test	zsh
test	libclang-rt-14-dev
lab	qemu-system-x86
lab	ipxe-qemu
lab	seabios
lab	openvswitch-switch
lab	busybox-static
lab	debian-archive-keyring
lab	bpftrace
lab	iperf3
lab	nftables
lab	iproute2
lab	iputils-ping
lab	procps
lab	util-linux
lab	kmod
lab	cpio
lab	xz-utils
lab	zstd
lab	ethtool
lab	socat
lab	netcat-openbsd
lab	python3
lab	python3-scapy
'
# Its service must not run because somebody builds vnetdiag.
readonly OVS=openvswitch-switch
readonly POLICY=/usr/sbin/policy-rc.d

say() { printf 'deps: %s\n' "$*"; }

die() {
	printf 'deps: error: %s\n' "$*" >&2
	exit 1
}

wanted() {
	awk -v p="$1" 'NF == 2 && (p == "all" || p == $1) { print $2 }' \
		<<<"$PACKAGES" | sort -u
}

# Prints those of its arguments that are not installed.
missing_of() {
	# Names apt does not know make dpkg-query fail; the others are printed.
	comm -23 <(printf '%s\n' "$@" | sort) \
		<(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
			awk '$1 == "ii" { print $2 }' | sort -u)
}

restore_policy() {
	rm -f "$POLICY"
	if [[ -e $POLICY.vnetdiag || -L $POLICY.vnetdiag ]]; then
		mv "$POLICY.vnetdiag" "$POLICY"
	fi
}

# invoke-rc.d asks this file: 101 forbids every start.
forbid_services() {
	if [[ -e $POLICY || -L $POLICY ]]; then
		mv "$POLICY" "$POLICY.vnetdiag"
	fi
	trap restore_policy EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
}

# Installing it enables it at the next boot, too.
disable_ovs() {
	local unit

	while read -r unit; do
		unit=${unit##*/}
		deb-systemd-helper disable "$unit" >/dev/null 2>&1 || :
	done < <(dpkg -L "$OVS" | grep '/systemd/system/.*\.service$')
	update-rc.d "$OVS" disable >/dev/null 2>&1 || :
}

install_packages() {
	local ovs_is_new=no

	export DEBIAN_FRONTEND=noninteractive
	if [[ " $* " == *" $OVS "* ]]; then
		ovs_is_new=yes
		forbid_services
	fi
	apt-get -o DPkg::Lock::Timeout=300 update -q
	apt-get -o DPkg::Lock::Timeout=300 install -q -y \
		--no-install-recommends "$@"
	if [[ $ovs_is_new == yes ]]; then
		disable_ovs
	fi
}

main() {
	local purpose=${1:-all}
	local -a missing

	case $purpose in
	build | test | lab | all) ;;
	*)
		sed -n '4,7s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
	esac
	# shellcheck disable=SC2046 # a list of packages
	mapfile -t missing < <(missing_of $(wanted "$purpose"))
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	((EUID == 0)) || die "that needs root (hint: sudo $0 $purpose)"
	command -v apt-get >/dev/null ||
		die "no apt-get here: install the like of these by hand"
	install_packages "${missing[@]}"
}

main "$@"
