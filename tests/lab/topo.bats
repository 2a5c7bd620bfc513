#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `topo` of a guest with four queues, of a process that reads a tap, and of both
# when less can be seen. That workers are with the right queues is told by the
# packets that they take.

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	guest_up 4
	tap_up vnet8 --queues 3
	# By itself it uses as many as it has processors.
	guest_run ethtool -L eth0 combined 4
}

teardown_file() {
	. tests/lab/topology.sh
	tap_down vnet8
	# Nobody else wants one of four queues.
	TOPO_KEEP='' guest_down
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
}

teardown() { tools_kill; }

@test "a guest of four queues, and another process with a tap on no bridge" {
	local pid

	pid=$(<"$TOPO_RUN/guest/pid")
	"$VNETDIAG" topo --format json >"$out/t.out"
	expect_that t '.[0].rows | map(select(.vm == "guest")) | map(.queue) == [0, 1, 2, 3] and
		all(.pid == '"$pid"' and .vhost and .device == "'"$TOPO_TAP"'" and
			.bridge == "'"$TOPO_BRIDGE"'" and .port == "'"$TOPO_TAP"'" and
			.uplinks == ["'"$TOPO_PHY"'"] and .tunnels == [] and
			(.cpu | . == 0 or . == 1))'
	expect_that t '.[0].rows | map(select(.device == "vnet8")) | map(.queue) == [0, 1, 2] and
		all(.vm == null and .vhost == false and .worker_tid == null and
			.bridge == null and .uplinks == [])'
	expect_that t '.[0].vcpus | map(.vcpu) == [0, 1] and
		([.[].tid] | unique | length) == 2 and all(.vm == "guest")'
	expect_that t '.[0].bypasses == [] and .[0].not_seen == []'
	expect_met
	expect_json t topo
	for tid in $(jq '.rows[].worker_tid // empty' "$out/t.out"); do
		[[ $(<"/proc/$tid/comm") == "vhost-$pid" ]]
	done
	for tid in $(jq '.vcpus[].tid' "$out/t.out"); do
		[[ $(<"/proc/$tid/comm") == CPU*/KVM ]]
	done
}

@test "each queue's packets are taken by its worker" {
	"$VNETDIAG" topo --vm guest --format json >"$out/t.out"
	tool_start d latency details --phy-interface "$TOPO_PHY" --vm guest --direction rx \
		--protocol udp --format json
	# The stack on the way spreads flows over the queues.
	peer_run "$send" --src "$PEER_IP" --dst "$GUEST_IP" --device peer0 \
		--to-mac "$TOPO_MAC:03" --udp 3000:7500 --flows 64 --count 512 >/dev/null
	# On a preemptible kernel workers that share a CPU may miss many (recursion_misses).
	wait_for 20 records d 32
	tool_stop d
	# queue -> the threads that took its packets
	expect_that d '[.[] | select(.type == "record") | .stages |
		{queue: (.[] | select(.stage == "tun") | .queue),
		 tid: (.[] | select(.stage == "taken") | .tid)}] | unique as $seen |
		($seen | length) > 1 and ($t[0].rows | map({queue, tid: .worker_tid})) as $told |
		all($seen[]; . as $one | $told | any(. == $one))'
	expect_that t 'length == 1'
	expect_met
}

records() { (($(grep -c '"type":"record"' "$out/$1.out") >= $2)); }

@test "each queue's virtqueues: their worker, their packets" {
	"$VNETDIAG" topo --vm guest --format json >"$out/t.out"
	tool_start s vhost summary --format json --interval 1h --vm guest
	tool_start one vhost summary --format json --interval 1h --device vnet8
	peer_run "$send" --src "$PEER_IP" --dst "$GUEST_IP" --device peer0 \
		--to-mac "$TOPO_MAC:03" --udp 3000:7500 --flows 64 --count 64 >/dev/null
	peer_run ping -q -c 3 -i 0.1 -W 5 "$GUEST_IP" >/dev/null
	tool_stop s one
	expect_that s '.[-1].rows | length == 8 and (group_by(.queue) | length == 4 and
		all(map(.direction) | sort == ["rx", "tx"]))'
	expect_that t '.[0].rows | map([.queue, .worker_tid]) | sort ==
		([$s[-1].rows[] | [.queue, .worker_tid]] | unique)'
	# The guest answers to all but its pings by ICMP.
	expect_that s '[.[-1].rows[] | select(.direction == "rx") | .used_advance] |
		add >= 67 and (map(select(. > 0)) | length > 1)'
	expect_that s "all(.[]; $whole) and all(.[-1].rows[]; .vm == \"guest\" and
		.device == \"$TOPO_TAP\" and .state != \"stalled\" and
		.signals + (.suppressed | add) == .opportunities)"
	expect_that one '.[-1].rows == []'
	expect_met
	expect_json s vhost.summary
}

@test "a bond, patch ports and tunnels lead to the uplinks" {
	ovs-vsctl add-br br-up -- add-port br-up to-int -- set interface to-int type=patch \
		options:peer=to-up -- add-port "$TOPO_BRIDGE" to-up -- \
		set interface to-up type=patch options:peer=to-int -- \
		add-port "$TOPO_BRIDGE" vx7 -- set interface vx7 type=vxlan options:remote_ip=10.9.0.1
	ip link add bond7 type bond mode active-backup
	ip link add slave7 type dummy
	ip link set slave7 master bond7
	ovs-vsctl add-port br-up bond7
	"$VNETDIAG" topo --vm guest --format json >"$out/t.out"
	ovs-vsctl del-port to-up -- del-port vx7 -- del-br br-up
	ip link delete bond7
	ip link delete slave7
	expect_that t '.[0].rows[0] | (.uplinks | sort) == ["'"$TOPO_PHY"'", "slave7"] and
		.tunnels == ["vx7"]'
	expect_met
}

@test "what cannot be read is said; wrong input" {
	"$VNETDIAG" topo --ovsdb "$out/none" --format json >"$out/none.out"
	expect_that none '.[0].not_seen | length == 1 and (.[0] | test("no database"))'
	expect_that none '.[0].rows | map(select(.vm == "guest")) |
		length == 4 and all(.bridge == null and .worker_tid != null)'
	# Who owns nothing may not look at what root has open.
	setpriv --reuid 65534 --clear-groups --bounding-set -all "$VNETDIAG" topo \
		--format json >"$out/nobody.out"
	expect_that nobody '.[0].rows == [] and
		([.[0].not_seen[] | select(test("no permission"))] | length) == 1'
	expect_met
	run -2 --separate-stderr "$VNETDIAG" topo --vm nobody
	[[ -z $output && $stderr == *"no guest 'nobody'"* ]]
	run -2 --separate-stderr "$VNETDIAG" latency summary --phy-interface "$TOPO_PHY" --vm nobody
	[[ -z $output && $stderr == *"no guest 'nobody'"* ]]
	run -0 "$VNETDIAG" topo
	[[ $output == *"Virtual CPUs"* && $output == *vnet8* ]]
}
