#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetches a QEMU that is new enough for kernel 7 into a cache outside the tree
# and prints its folder; prints nothing if the installed one is. Called by
# tests/lab/lab.
#
# New enough: since 8.1 QEMU locks the pages of an instruction before it
# translates it. Earlier ones may keep what another CPU has replaced meanwhile.
# The libraries are those of the installed QEMU.
#
# Exit status: 0 done, 3 not to be had.
set -euo pipefail

readonly EX_UNAVAILABLE=3
readonly ENOUGH=8.1
readonly SUITE=bookworm-backports
readonly PACKAGES='qemu-system-x86 qemu-system-data seabios'
# Raise this when the layout of the cached folder changes.
readonly LAYOUT=1

cache=${VNET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vnetdiag}
# The folder being filled; removed by the exit trap when something fails.
work=

say() { printf 'emulator: %s\n' "$*" >&2; }

unavailable() {
	say "error: $*"
	exit $EX_UNAVAILABLE
}

# shellcheck source=tests/lab/apt.sh
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

version_of() { "$1" --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p'; }

is_enough() { dpkg --compare-versions "$1" ge "$ENOUGH"; }

is_cached() { [[ -e $cache/qemu-$LAYOUT/usr/bin/qemu-system-x86_64 ]]; }

fetch() {
	local version

	say "fetching QEMU (Debian $SUITE)"
	work=$(mktemp -d "$cache/.work.qemu.XXXXXX")
	update_index "$SUITE"
	# shellcheck disable=SC2086 # a list of package names
	unpack_packages $PACKAGES
	version=$(version_of "$work/root/usr/bin/qemu-system-x86_64") ||
		unavailable "the QEMU of $SUITE does not start here"
	is_enough "$version" || unavailable "the QEMU of $SUITE is $version"
	# The rename is what makes it visible: never a half-unpacked cache.
	mv "$work/root" "$cache/qemu-$LAYOUT"
	rm -rf "$work"
	work=
	say "QEMU $version is there"
}

cleanup() {
	if [[ -n $work ]]; then
		rm -rf "$work"
	fi
}

main() {
	! is_enough "$(version_of qemu-system-x86_64)" || return 0
	if ! is_cached; then
		trap cleanup EXIT
		mkdir -p "$cache"
		exec 9>"$cache/.lock.qemu"
		flock 9
		# Another process may have filled it while this one waited.
		is_cached || fetch
		exec 9>&-
	fi
	printf '%s\n' "$cache/qemu-$LAYOUT"
}

main "$@"
