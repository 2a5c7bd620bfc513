#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Every program of every BPF object loads on this kernel, and is no more work
# for its verifier than it was (tests/fixtures/verifier-baseline.txt).

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	modprobe -a openvswitch
	tests/lab/load.sh >"$BATS_FILE_TMPDIR/counts" 2>"$BATS_FILE_TMPDIR/err" ||
		echo $? >"$BATS_FILE_TMPDIR/failed"
}

setup() {
	common_setup
	counts=$BATS_FILE_TMPDIR/counts
	baseline=tests/fixtures/verifier-baseline.txt
}

@test "every command loads in every way" {
	[[ ! -e $BATS_FILE_TMPDIR/failed ]] || {
		tail -n 60 "$BATS_FILE_TMPDIR/err"
		fail "see above"
	}
}

# All programs in the objects, less those whose target this kernel has not.
@test "no program was left out" {
	local object

	"$VNETDIAG" probes --format json | jq -r '.rows[] | .point as $p | .candidates[] |
		select(test(": yes ")) | $p + "__" + (. | sub(":.*"; ""))' |
		sort -u >"$out/usable"
	for object in "${BUILD:-build}"/probes/*.bpf.o; do
		readelf -sW "$object" | awk '$4 == "FUNC" && $5 == "GLOBAL" { print $8 }'
	done | sort -u >"$out/programs"
	[[ -s $out/programs ]]
	# What only user space runs serves no point, and is wanted all the same.
	{
		comm -12 "$out/usable" "$out/programs"
		grep '^run__' "$out/programs"
	} | sort >"$out/want"
	# `ovs drop` has some for datapaths that give no reasons.
	"$VNETDIAG" ovs drop --dry-run --format json >"$out/plan"
	jq -e 'any(.rows[]; .point == "do_execute_actions")' "$out/plan" >/dev/null ||
		sed -Ei '/^(do_execute_actions|ovs_meter_execute(_ret)?)__/d' "$out/want"
	# `vhost summary` has one or the other.
	"$VNETDIAG" vhost summary --dry-run --format json >"$out/plan"
	jq -e 'any(.rows[]; .point == "eventfd_signal_mask")' "$out/plan" >/dev/null ||
		sed -i '/^eventfd_signal_mask__/d' "$out/want"
	cut -d' ' -f4 "$counts" | sort -u >"$out/got"
	diff "$out/want" "$out/got"
}

@test "the verifier's work is within a tenth of the baseline" {
	[[ -s $counts ]]
	run awk -v kernel="$LAB_KERNEL" '
		{ n = $NF; sub(/ [0-9]+$/, "") }
		FNR == NR { was[$0] = n; next }
		!((kernel " " $0) in was) { print "not in the baseline: " $0; next }
		n * 10 > was[kernel " " $0] * 11 { print $0 ": " n ", was " was[kernel " " $0] }
		' "$baseline" "$counts"
	assert_success
	[[ -z $output ]] || {
		echo "if that is meant: tests/fixtures/verifier-baseline.sh $LAB_KERNEL"
		fail "$output"
	}
}

@test "the baseline has nothing that is no more" {
	diff <(sed -n "s/^$LAB_KERNEL \(.*\) [0-9]*$/\1/p" "$baseline" | sort) \
		<(sed 's/ [0-9]*$//' "$counts" | sort)
}
