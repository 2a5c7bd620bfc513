#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds libcjson.a from Debian's own source package, which `make static`
# needs: the binary package has only the shared library. Prints its folder.
#
# usage: cjson_static.sh
# The source and the library are kept in a cache outside the tree.
set -euo pipefail

cache=${VNET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vnetdiag}/cjson
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'cjson: %s\n' "$*" >&2; }

if [[ -r $cache/libcjson.a ]]; then
	echo "$cache"
	exit 0
fi

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# shellcheck disable=SC2016 # fields of apt, not of the shell
mirror=$(apt-get indextargets --format '$(CODENAME) $(SITE)' 2> /dev/null |
	awk -v c="$codename" '$1 == c && !seen { print $2; seen = 1 }')
[[ -n $mirror ]] || {
	say "apt has no mirror configured for '$codename'"
	exit 3
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/lists/partial "$work"/cache/archives/partial "$work/src"
printf 'deb-src [signed-by=%s check-valid-until=no] %s %s main\n' \
	"$keyring" "$mirror" "$codename" > "$work/sources.list"
private_apt() {
	apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" \
		-o APT::Sandbox::User=root "$@"
}
say "fetching Debian's source of cJSON"
private_apt update >&2
(cd "$work/src" && private_apt --download-only source cjson >&2 && tar -xzf cjson_*.orig.tar.gz)
dir=$(dirname "$(find "$work/src" -name cJSON.c | head -n 1)")
gcc -O2 -c -o "$work/cJSON.o" "$dir/cJSON.c"
mkdir -p "$cache"
ar rcs "$work/libcjson.a" "$work/cJSON.o"
mv "$work/libcjson.a" "$cache/libcjson.a"
echo "$cache"
