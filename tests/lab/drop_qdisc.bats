#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `drop qdisc` against tc: exact numbers of packets into queues too short for
# them. netem holds what it takes for a minute, so that all others are dropped.

load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	# No multicast listener reports among the packets that are counted.
	sysctl -qw "net.ipv6.conf.$TOPO_BRIDGE.disable_ipv6=1"
	modprobe -a sch_netem sch_tbf
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	qdisc=(drop qdisc --format json --interval 1h)
	in=()
}

teardown() {
	tools_kill
	tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	((${#in[@]} == 0)) || peer_run tc qdisc delete dev peer0 root
	[[ ! -e /sys/class/net/q0 ]] || ip link delete q0
}

# drops_are DEVICE N: of its root qdisc, as tc says. No jq: it starts slowly here.
drops_are() { [[ $("${in[@]}" tc -s qdisc show dev "$1" root) == *"(dropped $2,"* ]]; }

# $1: how many, $2: port; more options of tests/tools/send
send_udp() {
	"$send" --socket --count "$1" --src "$HOST_IP" --dst "$PEER_IP" --udp "4000:$2" \
		"${@:3}"
}

# The tool's one report, as JSON of its schema, with nothing lost.
expect_report() {
	expect_that s 'length == 1 and .[0].complete'
	expect_json s drop.qdisc
}

# Its rows from netlink are what tc shows of DEVICE; of qdiscs that began at zero.
expect_as_tc() {
	"${in[@]}" tc -s -j qdisc show dev "$1" >"$out/tc.out"
	expect_that tc '.[0] | length > 0'
	expect_that s '(.[0].rows | map(select(.source == "netlink") | [.kind, .handle, .parent,
			.drops, .overlimits, .requeues, .backlog_bytes, .qlen]) | sort) ==
		($tc[0] | map([.kind, .handle, .parent // "root",
			.drops, .overlimits, .requeues, .backlog, .qlen]) | sort)'
}

# Its only flow: DROPS SRC DST DEVICE HANDLE, from port 4000 to 7001.
expect_flow() {
	expect_that s "(.[0].rows | map(select(.source == \"tracepoint\") | [.drops, .flow.src,
		.flow.src_port, .flow.dst, .flow.dst_port, .flow.protocol, .device, .handle])) ==
		[[$1, \"$2\", 4000, \"$3\", 7001, \"udp\", \"$4\", \"$5\"]]"
}

@test "a full netem on the NIC: counters, flow and reason" {
	local number

	for number in 6 37 5000; do
		tc qdisc replace dev "$TOPO_PHY" root handle 5: netem limit 5 delay 60s
		tool_start s "${qdisc[@]}" --device "$TOPO_PHY" --by qdisc,flow --all
		send_udp "$number" 7001
		wait_for 20 drops_are "$TOPO_PHY" $((number - 5))
		tool_stop s
		expect_report
		expect_as_tc "$TOPO_PHY"
		expect_flow $((number - 5)) "$HOST_IP" "$PEER_IP" "$TOPO_PHY" 5:
		expect_that s ".[0] | [.drops, .drops_since_start, .flow_drops] == [range(3) |
			$number - 5] and .unattributed == 0 and .qdiscs_gone == 0"
		if [[ $LAB_KERNEL == 5.10 ]]; then
			expect_that s '[.[0].rows[] | select(.flow) | [.reason, .reason_inferred]] ==
				[["QDISC_DROP", true]]'
		else
			expect_that s '[.[0].rows[] | select(.flow) | (.reason | test("^QDISC_")) and
				(.reason_inferred | not)] == [true]'
		fi
		# From 7.1 the qdisc's own tracepoint tells more than QDISC_DROP.
		if [[ $LAB_KERNEL == 7 ]]; then
			expect_that s 'any(.[0].probes[]; .point == "qdisc_drop") and
				([.[0].rows[] | select(.flow) | .reason | test("^QDISC_DROP_")] == [true])'
		else
			expect_that s 'any(.[0].probes[]; .point == "qdisc_drop") | not'
		fi
		expect_met
		tc qdisc delete dev "$TOPO_PHY" root
	done
}

@test "only what happens in the interval counts" {
	tc qdisc add dev "$TOPO_PHY" root handle 5: netem limit 5 delay 60s
	send_udp 105 7001
	wait_for 20 drops_are "$TOPO_PHY" 100
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY"
	send_udp 11 7001
	wait_for 20 drops_are "$TOPO_PHY" 111
	tool_stop s
	expect_report
	expect_that s '[.[0].rows[] | [.drops, .qlen, .new, .flow]] == [[11, 5, false, null]]'
	expect_met
}

@test "a filter shows its flow and no other" {
	tc qdisc add dev "$TOPO_PHY" root handle 5: netem limit 5 delay 60s
	tool_start s "${qdisc[@]}" --by flow --dst-port 7001 --dst-ip "$PEER_IP"
	send_udp 20 7001
	send_udp 30 7002
	wait_for 20 drops_are "$TOPO_PHY" 45
	tool_stop s
	expect_report
	expect_flow 15 "$HOST_IP" "$PEER_IP" "$TOPO_PHY" 5:
	expect_that s '.[0] | (.rows | length == 1) and (has("unattributed") | not)'
	expect_met
}

@test "a class and its root, IPv6, in another namespace" {
	in=("$test_tools/netns" peer) tool_in=("${in[@]}")
	"${in[@]}" tc qdisc add dev peer0 root handle 1: tbf rate 8bit burst 1600 limit 100000
	"${in[@]}" tc qdisc add dev peer0 parent 1:1 handle 2: pfifo limit 3
	tool_start s "${qdisc[@]}" --by qdisc,flow --device peer0 --all
	# 1048 bytes on the wire each: one has tokens, three wait.
	send_udp 37 7001 --netns peer --size 986 --src "$PEER_IP6" --dst "$HOST_IP6"
	wait_for 20 drops_are peer0 33
	tool_stop s
	expect_report
	expect_as_tc peer0
	# 33 in each of the two, but they are the same packets.
	expect_that s '.[0] | [.drops, .flow_drops, .unattributed] == [33, 33, 0]'
	expect_flow 33 "$PEER_IP6" "$HOST_IP6" peer0 1:
	expect_met
}

@test "one of several transmit queues" {
	local number

	ip link add q0 numtxqueues 4 type veth peer name q1
	ip address add 10.77.0.1/24 dev q0
	sysctl -qw net.ipv6.conf.q0.disable_ipv6=1 net.ipv6.conf.q1.disable_ipv6=1
	tc qdisc replace dev q0 root handle 1: mq
	ip link set q0 up
	ip link set q1 up
	ip neighbour add 10.77.0.2 lladdr 02:00:00:00:00:02 dev q0
	for number in 1 2 3 4; do
		tc qdisc replace dev q0 parent "1:$number" handle "2$number:" \
			netem limit 2 delay 60s
	done
	tool_start s "${qdisc[@]}" --by qdisc,flow --device q0
	send_udp 20 7001 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 drops_are q0 18
	tool_stop s
	expect_report
	expect_that s '.[0] | [.drops, .flow_drops, .unattributed] == [18, 18, 0]'
	expect_that s '[.[0].rows[] | select(.kind == "netem" and .source == "netlink")] |
		length == 1 and (.[0] | .queue < 4 and
		[.drops, .qlen, .handle, .parent] ==
			[18, 2, "2\(.queue + 1):", "1:\(.queue + 1)"])'
	expect_that s '[.[0].rows[] | select(.flow) | .drops == 18 and
		.handle == "2\(.queue + 1):"] == [true]'
	expect_that s '([.[0].rows[] | select(.kind == "netem") | .queue] | unique | length) == 1'
	expect_that s '[.[0].rows[] | select(.kind == "mq") | [.drops, .queue]] == [[18, null]]'
	expect_met
}

@test "a qdisc replaced on the way counts from zero and says so" {
	tc qdisc add dev "$TOPO_PHY" root handle 5: netem limit 5 delay 60s
	send_udp 25 7001
	wait_for 20 drops_are "$TOPO_PHY" 20
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY"
	tc qdisc delete dev "$TOPO_PHY" root
	tc qdisc add dev "$TOPO_PHY" root handle 5: netem limit 5 delay 60s
	send_udp 12 7001
	wait_for 20 drops_are "$TOPO_PHY" 7
	tool_stop s
	expect_report
	expect_that s '[.[0].rows[] | [.drops, .new]] == [[7, true]]'
	expect_that s '.[0] | [.drops, .qdiscs_gone] == [7, 1]'
	expect_met
}

@test "quiet qdiscs are shown with --all only" {
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY"
	tool_stop s
	expect_report
	expect_that s '.[0] | .rows == [] and .drops == 0'
	expect_met
	grep -q "device '$TOPO_PHY' has no transmit queue" "$out/s.err"
}

@test "text" {
	tc qdisc add dev "$TOPO_PHY" root handle 5: netem limit 5 delay 60s
	send_udp 4 7001
	run timeout 60 "$VNETDIAG" drop qdisc --device "$TOPO_PHY" --interval 1s --count 1
	assert_success
	assert_line --regexp '^DEVICE +QDISC +HANDLE +PARENT +QUEUE +DROPS +OVERLIMITS'
	assert_line --regexp "^$TOPO_PHY +netem +5: +root +- +0 +0 +0 +[0-9]+ +4 +no +netlink$"
	assert_line 'Drops in this interval: 0'
	assert_line 'Losses: none'
}
