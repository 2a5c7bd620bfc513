#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Writes what is made from the binary's own tables: the completion scripts,
# the option blocks of the man pages and the list of commands in vnetdiag.8.
# With --check it changes nothing, shows the differences and fails on any.
set -eu -o pipefail

vnetdiag=$(realpath "${VNETDIAG:-./vnetdiag}")
cd "$(dirname "$0")/../.."
check=
[[ ${1:-} != --check ]] || check=1
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
stale=0

# settle FILE: the new text is on stdin.
settle() {
	cat >"$new/file"
	if [[ $check ]]; then
		diff -u --label "$1" --label "$1 (generated)" "$1" "$new/file" || stale=1
	elif ! cmp -s "$new/file" "$1"; then
		cat "$new/file" >"$1"
		echo "generated $1"
	fi
}

# replace_block PAGE NAME: the block between the marks becomes stdin.
replace_block() {
	local begin=".\\\" BEGIN GENERATED $2" end=".\\\" END GENERATED $2"

	if [[ $(grep -cxF "$begin" "$1") != 1 || $(grep -cxF "$end" "$1") != 1 ]]; then
		echo "$1: needs one block of $2" >&2
		return 1
	fi
	cat >"$new/block"
	sed "/^\.\\\\\" BEGIN GENERATED $2\$/q" "$1"
	cat "$new/block"
	sed -n "/^\.\\\\\" END GENERATED $2\$/,\$p" "$1"
}

for shell in bash zsh fish; do
	case $shell in
	bash) file=completions/vnetdiag.bash ;;
	zsh) file=completions/_vnetdiag ;;
	fish) file=completions/vnetdiag.fish ;;
	esac
	[[ -e $file || $check ]] || : >"$file"
	"$vnetdiag" introspect $shell >"$new/script"
	settle "$file" <"$new/script"
done

"$vnetdiag" introspect man >"$new/list"
replace_block man/vnetdiag.8 COMMANDS <"$new/list" >"$new/page"
settle man/vnetdiag.8 <"$new/page"
for page in man/vnetdiag-*.8; do
	command=${page#man/vnetdiag-}
	command=${command%.8}
	# The words of a command are joined by '-' in its page's name.
	read -ra words <<<"${command//-/ }"
	"$vnetdiag" introspect man "${words[@]}" >"$new/options"
	replace_block "$page" OPTIONS <"$new/options" >"$new/page"
	settle "$page" <"$new/page"
done
if ((stale)); then
	echo "generated files are stale: run 'make generate'" >&2
	exit 1
fi
