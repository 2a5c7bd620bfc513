#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the commands would do on the recorded kernels, without a privilege: every
# point that a command wants has a program in the objects for each way to attach
# to it. (What stands in the objects: tests/unit/test_objects.c.)

load ../lib/common

setup() {
	common_setup
	kernels=(5.10 6.1 6.12 7)
	commands=("drop summary --all" "drop details --all" "drop qdisc --by flow"
		"latency summary --phy-interface lo --stages full"
		"latency details --phy-interface lo --vm-interface $(other_device) --stages full"
		"latency qdisc --device lo"
		"latency rtt --phy-interface lo"
		"latency rtt --phy-interface lo --via kernel --threshold 1ms"
		"ovs upcall summary" "ovs upcall details --threshold 1ms" "ovs megaflow"
		"ovs drop" "ovs threads" "tun summary" "tun details --all" "vhost summary" "vhost details" "vhost signal" "vhost peek"
		"latency pair --from lo --to $(other_device)")
	for object in "${BUILD:-build}"/probes/*.bpf.o; do
		readelf -sW "$object" | awk '$4 == "FUNC" && $5 == "GLOBAL" { print $8 }'
	done | sort -u >"$out/programs"
	[[ -s $out/programs ]]
}

# Any that can be a tap, in a plan for another host.
other_device() { awk -F '[ :]+' 'NR > 2 && $2 != "lo" { print $2; exit }' /proc/net/dev; }

facts() { printf 'tests/fixtures/kernel-%s.facts' "$1"; }

@test "every point that a command wants has its programs" {
	local kernel command

	for kernel in "${kernels[@]}"; do
		"$VNETDIAG" probes --kernel-facts "$(facts "$kernel")" --format json |
			jq -c '.rows[] | {point, ways: [.candidates[] | sub(":.*"; "")]}' \
			>"$out/ways"
		for command in "${commands[@]}"; do
			# shellcheck disable=SC2086
			"$VNETDIAG" $command --dry-run --format json \
				--kernel-facts "$(facts "$kernel")" >"$out/plan"
			jq -r '.rows[].point' "$out/plan" | sort -u >"$out/points"
			[[ -s $out/points ]]
			jq -r --rawfile points "$out/points" '
				select(.point as $p | $points | split("\n") | index($p)) |
				.point + "__" + .ways[]' "$out/ways" | sort >"$out/want"
			run comm -23 "$out/want" "$out/programs"
			assert_output ""
		done
	done
}

# Some points are wanted only where the datapath gives no reasons.
@test "no program serves a point that no command wants" {
	local command kernel

	for command in "${commands[@]}"; do
		for kernel in 6.1 7; do
			# shellcheck disable=SC2086
			"$VNETDIAG" $command --dry-run --format json \
				--kernel-facts "$(facts $kernel)" | jq -r '.rows[].point'
		done
	done | sort -u >"$out/wanted"
	# run__* are attached to nothing: user space runs them.
	sed '/^run__/d; s/__.*//' "$out/programs" | sort -u >"$out/served"
	diff "$out/wanted" "$out/served"
}

@test "every command can be planned on every recorded kernel" {
	local kernel command

	for kernel in "${kernels[@]}"; do
		for command in "${commands[@]}"; do
			# shellcheck disable=SC2086
			"$VNETDIAG" $command --dry-run --format json \
				--kernel-facts "$(facts "$kernel")" >>"$out/plans"
		done
		"$VNETDIAG" doctor --format json --kernel-facts "$(facts "$kernel")" >"$out/doctor"
		"$tests_lib/json_check.py" doctor <"$out/doctor"
	done
	# One process for all of them.
	"$tests_lib/json_check.py" plan <"$out/plans"
	jq -e -s "length == ${#kernels[@]} * ${#commands[@]} and all(.possible)" "$out/plans"
}

@test "without the module: not possible, why, and the hint" {
	sed 's/^\(point ovs_[a-z_]*\) loaded=1/\1 loaded=0/' "$(facts 6.1)" >"$out/facts"
	run "$VNETDIAG" latency summary --phy-interface lo --dry-run --format json \
		--kernel-facts "$out/facts"
	assert_equal "$status" 3
	assert_equal "$(jq -c .possible <<<"$output")" false
	assert_equal "$(jq -r '.rows[] | select(.point == "ovs_vport_receive") | .reason' \
		<<<"$output")" "module 'openvswitch' is not loaded"
	run "$VNETDIAG" doctor --format json --kernel-facts "$out/facts"
	assert_equal "$status" 3
	assert_equal "$(jq -r '.rows[] | select(.command == "latency summary") |
		.status + ", " + .hint' <<<"$output")" "cannot, 'modprobe openvswitch' loads it"
}

@test "a kernel locked down for confidentiality: not possible, and why" {
	local command

	sed 's/^feature lockdown=0/feature lockdown=1/' "$(facts 6.1)" >"$out/facts"
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086
		run "$VNETDIAG" $command --dry-run --format json --kernel-facts "$out/facts"
		assert_equal "$status" 3
		assert_equal "$(jq -c '[.possible, all(.rows[]; .mechanism == "none" and
			.reason == "the kernel is locked down for confidentiality")]' \
			<<<"$output")" '[false,true]'
	done
}

@test "an optional point that is missing: degraded, and what is missing then" {
	sed 's/^\(point ovs_vport_send\) loaded=1/\1 loaded=0/' "$(facts 6.1)" >"$out/facts"
	"$VNETDIAG" doctor --format json --kernel-facts "$out/facts" >"$out/doctor"
	assert_equal "$(jq -r '.rows[] | select(.command == "latency summary") |
		.status + ": " + .why' "$out/doctor")" "degraded: no stage 'output'"
}
