#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetches the kernels of the lab into a cache outside the tree and prints
# "LABEL DIRECTORY RELEASE" for each. Called by tests/lab/lab, CI and people.
#
# usage: kernels.sh [--refresh] [--cached] LABEL...    (5.10 6.1 6.12 7)
#   --refresh  ask the mirror again and replace what is cached
#   --cached   never use the network
#
# DIRECTORY holds vmlinux, vmlinuz, config, release and lib/modules/RELEASE.
# Exit status: 0 all there, 2 usage, 3 a kernel is not to be had.
set -euo pipefail

readonly EX_USAGE=2 EX_UNAVAILABLE=3
# Raise this when the layout of a cached kernel changes.
readonly LAYOUT=3

# label, suite, pattern of the release in the package name
readonly KERNELS='
5.10	bullseye		5[.]10[.]
6.1	bookworm		6[.]1[.]
6.12	bookworm-backports	6[.]12[.]
7	sid			7[.][0-9]+
'

# shellcheck source=tests/lab/apt.sh
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

cache=${VNET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vnetdiag}/kernels
refresh=no
cached_only=no
# The folder being filled; removed by the exit trap when something fails.
work=

say() { printf 'kernels: %s\n' "$*" >&2; }

usage() {
	sed -n '4,12s/^# \{0,1\}//p' "$0" >&2
	exit $EX_USAGE
}

unavailable() {
	say "error: $*"
	exit $EX_UNAVAILABLE
}

# Prints the packages that hold the newest kernel, space separated. Cloud
# images are left out: they have no 9p. From 7.x the image is split in three.
newest_packages() {
	local release=$1 names name

	names=$(private_apt apt-cache pkgnames |
		grep -E "^linux-(image|binary|modules)-${release}[^ ]*-amd64(-unsigned)?\$" |
		grep -vE -e '-(cloud|rt)-' | sort -rV) || return 1
	# A name may be known only because others refer to it: ask for a version.
	for name in $names; do
		case $name in
		linux-image-*-unsigned | linux-binary-*) ;;
		*) continue ;;
		esac
		private_apt apt-cache show "$name" >/dev/null 2>&1 || continue
		if [[ $name == linux-binary-* ]]; then
			printf '%s %s %s\n' "$name" \
				"${name/linux-binary/linux-modules}" \
				"${name/linux-binary/linux-base}"
		else
			printf '%s\n' "$name"
		fi
		return 0
	done
	return 1
}

# A number in the header of a bzImage (the kernel's x86 boot protocol).
# $1: file, $2: offset, $3: bytes
header_number() {
	od -An -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '
}

# Takes the ELF file out of bzImage $1 into $2. QEMU starts that directly:
# decompressing it would take emulated CPUs seconds, twice with a guest.
extract_vmlinux() {
	local image=$1 dest=$2 start length magic tool

	start=$((($(header_number "$image" 497 1) + 1) * 512 +
		$(header_number "$image" 584 4)))
	length=$(header_number "$image" 588 4)
	magic=$(od -An -j "$start" -N 4 -t x1 "$image" | tr -d ' ')
	case $magic in
	fd377a58) tool=xz ;;
	28b52ffd) tool=zstd ;;
	*) unavailable "compression of the kernel not known: $magic" ;;
	esac
	# The last four bytes are the length when unpacked.
	head -c $((start + length - 4)) "$image" | tail -c $((length - 4)) |
		"$tool" -qdc >"$dest"
}

# Brings the unpacked packages into one shape, whatever the suite.
arrange() {
	local root=$1 dest=$2 modules release file

	modules=$root/lib/modules
	[[ -d $modules ]] || modules=$root/usr/lib/modules
	release=$(ls "$modules")
	mkdir -p "$dest/lib/modules"
	mv "$modules/$release" "$dest/lib/modules/"
	# Newer packages keep these beside the modules instead of in /boot.
	for file in vmlinuz config; do
		if [[ -f $root/boot/$file-$release ]]; then
			mv "$root/boot/$file-$release" "$dest/$file"
		elif [[ -f $dest/lib/modules/$release/$file ]]; then
			cp "$dest/lib/modules/$release/$file" "$dest/$file"
		fi
	done
	[[ -f $dest/vmlinuz ]] || unavailable "no vmlinuz in the packages"
	extract_vmlinux "$dest/vmlinuz" "$dest/vmlinux"
	rm -f "$dest/lib/modules/$release"/{build,source,vmlinuz}
	depmod -b "$dest" "$release" 2>>"$work/apt.log"
	printf '%s\n' "$release" >"$dest/release"
	printf '%s\n' "$LAYOUT" >"$dest/layout"
}

fetch() {
	local label=$1 suite=$2 pattern=$3 packages

	say "fetching kernel $label (Debian $suite)"
	work=$(mktemp -d "$cache/.work.$label.XXXXXX")
	update_index "$suite"
	packages=$(newest_packages "$pattern") ||
		unavailable "suite '$suite' has no kernel $label for amd64"
	# shellcheck disable=SC2086 # a list of package names
	unpack_packages $packages
	arrange "$work/root" "$work/done"
	# The rename is what makes it visible: never a half-unpacked cache.
	if [[ -e $cache/$label ]]; then
		mv "$cache/$label" "$work/old"
	fi
	mv "$work/done" "$cache/$label"
	rm -rf "$work"
	work=
	say "kernel $label is $(<"$cache/$label/release")"
}

is_cached() {
	[[ -f $cache/$1/layout && $(<"$cache/$1/layout") == "$LAYOUT" ]]
}

one_kernel() {
	local label=$1 suite pattern

	read -r _ suite pattern < <(awk -v l="$label" '$1 == l' <<<"$KERNELS") || {
		say "error: unknown kernel '$label' (known: $(awk 'NF { printf "%s ", $1 }' <<<"$KERNELS"))"
		exit $EX_USAGE
	}
	if [[ $refresh == yes ]] || ! is_cached "$label"; then
		[[ $cached_only == no ]] ||
			unavailable "kernel $label is not in the cache"
		mkdir -p "$cache"
		exec 9>"$cache/.lock.$label"
		flock 9
		# Another process may have filled it while this one waited.
		if [[ $refresh == yes ]] || ! is_cached "$label"; then
			fetch "$label" "$suite" "$pattern"
		fi
		exec 9>&-
	fi
	printf '%s %s %s\n' "$label" "$cache/$label" "$(<"$cache/$label/release")"
}

cleanup() {
	if [[ -n $work ]]; then
		rm -rf "$work"
	fi
}

main() {
	local label

	while (($#)); do
		case $1 in
		--refresh) refresh=yes ;;
		--cached) cached_only=yes ;;
		-*) usage ;;
		*) break ;;
		esac
		shift
	done
	(($#)) || usage
	trap cleanup EXIT
	for label; do
		one_kernel "$label"
	done
}

main "$@"
