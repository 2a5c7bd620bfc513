# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Packages of any Debian suite, unpacked and not installed. Sourced by
# tests/lab/kernels.sh and tests/lab/emulator.sh, which set `work`, the folder
# being filled, and define say() and unavailable(), which does not return.

# shellcheck disable=SC2154 # work
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The mirror this machine's own apt uses for its Debian release: whatever
# reaches that one (proxy, local mirror) also reaches the other suites.
mirror_of_apt() {
	local codename

	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # fields of apt, not of the shell
	apt-get indextargets --format '$(CODENAME) $(SITE)' 2>/dev/null |
		awk -v c="$codename" '$1 == c && !seen { print $2; seen = 1 }'
}

# An apt of our own: own sources, lists and cache, so that neither the
# machine's package lists nor its lock are touched. apt.conf.d still counts
# (proxies are set there).
private_apt() {
	local tool=$1 arch=amd64

	shift
	"$tool" -o "Dir::Etc::sourcelist=$work/apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null \
		-o "Dir::State::lists=$work/apt/lists" \
		-o "Dir::Cache=$work/apt/cache" \
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" \
		-o Acquire::Languages=none -o Acquire::Retries=2 \
		-o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
		-o APT::Sandbox::User=root "$@"
}

update_index() {
	local suite=$1 mirror

	mirror=$(mirror_of_apt) || mirror=
	[[ -n $mirror ]] ||
		unavailable "apt has no mirror configured for this release"
	[[ -r $KEYRING ]] ||
		unavailable "'$KEYRING' is missing (debian-archive-keyring)"
	mkdir -p "$work"/apt/{lists,cache/archives}/partial
	# The index of an archived suite is older than its own expiry date.
	printf 'deb [signed-by=%s check-valid-until=no] %s %s main\n' \
		"$KEYRING" "$mirror" "$suite" >"$work/apt/sources.list"
	# Without Error-Mode a failed index is only a warning.
	private_apt apt-get -o APT::Update::Error-Mode=any update \
		>"$work/apt.log" 2>&1 || {
		tail -n 5 "$work/apt.log" >&2
		unavailable "suite '$suite' is not to be had from the mirror"
	}
}

# Packages $@ into $work/root.
unpack_packages() {
	local deb

	mkdir "$work/debs" "$work/root"
	(cd "$work/debs" && private_apt apt-get download "$@") \
		>>"$work/apt.log" 2>&1 || {
		tail -n 5 "$work/apt.log" >&2
		unavailable "cannot download: $*"
	}
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$work/root"
	done
}
