#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A kernel locked down for confidentiality: each command says that it cannot
# measure. Lockdown is never taken back, so this file is the last by its name.

load ../lib/common

setup_file() {
	modprobe -a openvswitch
	# Its module cannot be loaded later.
	ip link add lock0 type veth peer name lock1
	mount -t securityfs securityfs /sys/kernel/security
}

setup() { common_setup; }

# measure STATUS WORDS...
measure() {
	local want=$1 status=0

	shift
	timeout 60 "$VNETDIAG" "$@" --duration 10ms >"$out/stdout" 2>"$out/stderr" || status=$?
	[[ $status -eq $want ]] || {
		cat "$out/stdout" "$out/stderr"
		fail "status $status instead of $want: $*"
	}
}

@test "locked down for integrity all is well" {
	echo integrity >/sys/kernel/security/lockdown
	measure 0 drop summary
	measure 0 latency summary --phy-interface lo
}

@test "locked down for confidentiality nothing is measured, with one clear line" {
	local command path options

	echo confidentiality >/sys/kernel/security/lockdown
	"$VNETDIAG" introspect json | jq -r '.commands[] | select(any(.options[];
		.name == "explain-filter")) | .path' >"$out/commands"
	grep -qx 'drop summary' "$out/commands"
	while read -r path; do
		options=
		case $path in
		'drop qdisc') options='--by flow' ;;
		'latency qdisc') options='--device lo' ;;
		'latency pair') options='--from lo --to lock0' ;;
		'ovs threads') options='--pid 1' ;;
		latency*) options='--phy-interface lo' ;;
		esac
		# shellcheck disable=SC2086 # several words
		measure 3 $path $options
		[[ ! -s $out/stdout ]]
		grep -qx "vnetdiag: error: cannot probe '.*' on this kernel: the kernel is\
 locked down for confidentiality" "$out/stderr"
		assert_equal "$(tail -n +2 "$out/stderr")" \
			"hint: boot without lockdown=confidentiality"
	done <"$out/commands"
	run "$VNETDIAG" doctor --format json
	assert_equal "$status" 3
	jq -e 'all(.rows[]; .status == "cannot" and (.why | test("locked down")))' <<<"$output"
}

# Without probes: the counters come over netlink.
@test "locked down for confidentiality the counters of queues are there" {
	measure 0 drop qdisc --format json
	json_fits drop.qdisc "$out/stdout"
}
