#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The decoder of datapath flows against ovs-dpctl: both dump the flows of a
# datapath that has some of every kind, and write them alike, flow by flow.
# tests/fixtures/ovs-flows.txt was recorded so (ovs_flows --raw). By hand: make
# lab-build first.

bats_require_minimum_version 1.5.0

setup_file() {
	export dir=$BATS_FILE_TMPDIR datapath=ovsdec
	flows=${VNET_BUILD:-build}/lab/ovs_flows
	export LC_ALL=C
	modprobe -a openvswitch nf_conntrack_ftp nf_nat_ftp
	tests/lab/ovs_corpus.py "$datapath" >"$dir/added"
	ovs-dpctl dump-flows -m "$datapath" >"$dir/their"
	ovs-dpctl dump-flows --names "$datapath" >"$dir/their-terse"
	"$flows" "$datapath" | sort >"$dir/our"
	"$flows" --terse "$datapath" | sort >"$dir/our-terse"
	# Only they have statistics, and nothing hits these flows.
	sed -i 's/, packets:0, bytes:0, used:never\(, dp:ovs\)\?, actions:/, actions:/' \
		"$dir/their" "$dir/their-terse"
	sort -o "$dir/their" "$dir/their"
	sort -o "$dir/their-terse" "$dir/their-terse"
}

teardown_file() {
	ovs-dpctl del-dp "$datapath"
}

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
}

# Processes are dear in the lab, so the lines are compared here.
read_lines() {
	mapfile -t added <"$dir/added"
	mapfile -t their <"$dir/their$1"
	mapfile -t our <"$dir/our$1"
}

# equal STYLE: but for the flows that Open vSwitch 3.1 does not know, see below.
equal() {
	local i

	read_lines "$1"
	assert_equal "${#our[@]}" "${#their[@]}"
	for i in "${!our[@]}"; do
		[[ ${our[i]} == *src=10.3.0.* ]] || assert_equal "${our[i]}" "${their[i]}"
	done
}

@test "keys, masks and actions as of dump-flows, with -m and with --names" {
	equal ""
	equal -terse
}

@test "all flows are there that a kernel takes, and actions that are newer" {
	local line nr=0 nr_newer=0

	read_lines ""
	for line in "${added[@]}"; do
		case $line in
		added\ *!) nr=$((nr + 1)) nr_newer=$((nr_newer + 1)) ;;
		added\ *) nr=$((nr + 1)) ;;
		*) assert_regex "$line" '^refused [^*]+[*]!? ' ;;
		esac
	done
	((nr >= 75 && nr_newer))
	assert_equal "${#our[@]}" "$nr"
	for line in "${our[@]}"; do
		[[ $line == *src=10.3.0.* ]] || continue
		nr_newer=$((nr_newer - 1))
		assert_regex "$line" "10\\.3\\.0\\.1,.*, actions:ct\\(commit,eventmask=0x3\\),ov1\$|\
10\\.3\\.0\\.2,.*, actions:dec_ttl\\(le_1\\(ov2\\)\\),ov1\$|\
10\\.3\\.0\\.3,.*, actions:drop\$|\
10\\.3\\.0\\.4,.*, actions:psample\\(group=7,cookie=0x1020304\\),ov1\$"
	done
	assert_equal "$nr_newer" 0
}
