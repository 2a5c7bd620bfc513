#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `latency pair` on each kernel, between ports of Open vSwitch: peer - ens11 - OVS
# - v1 - namespace "other", and a tap. Exact counts of what arrived, is missing,
# went elsewhere or cannot be told apart; a delay that was put there.

bats_require_minimum_version 1.5.0
load ../lib/common
load latency

OTHER_IP=10.9.0.4 OTHER_IP6=fd09::4

other_run() { ip netns exec other "$@"; }

# The port v1 with a host behind it, as the topology has the peer.
other_up() {
	ip netns add other
	other_run sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip link add v1 address "$TOPO_MAC:14" type veth peer name o0 address "$TOPO_MAC:04" \
		netns other
	ip link set v1 up
	topo_address o0 4 ip netns exec other
	ovs-vsctl --timeout=20 add-port "$TOPO_BRIDGE" v1
	for address in "$OTHER_IP" "$OTHER_IP6"; do
		peer_run ip neighbour replace "$address" lladdr "$TOPO_MAC:04" dev peer0 \
			nud permanent
		ip neighbour replace "$address" lladdr "$TOPO_MAC:04" dev "$TOPO_BRIDGE" \
			nud permanent
	done
}

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	other_up
	modprobe -a sch_netem 8021q
	ovs-vsctl set Open_vSwitch . other_config:max-idle=600000
	# So that the bridge knows where everybody is.
	peer_run ping -q -c 2 -i 0.1 -W 5 "$OTHER_IP" >/dev/null
	peer_run ping -q -c 2 -i 0.1 -W 5 "$OTHER_IP6" >/dev/null
}

teardown_file() {
	. tests/lab/topology.sh
	ip link delete v1
	ip netns delete other
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	pair=(latency pair --format json)
	to_v1=(--from "$TOPO_PHY" --to v1)
	servers=()
}

teardown() {
	local server

	tools_kill
	for server in "${servers[@]}"; do kill -9 "$server" 2>/dev/null || :; done
	tc qdisc delete dev v1 root 2>/dev/null || :
	ethtool -K v1 tx-tcp-segmentation on >/dev/null
	ovs-ofctl del-flows "$TOPO_BRIDGE" cookie=0x7e57/-1 2>/dev/null || :
	ovs-vsctl --if-exists remove port v1 tag 123
	upcalls_as_usual
	tap_down t0
}

ping_other() { # ADDRESS N
	peer_run ping -q -i 0.01 -W 5 -c "$2" "$1" >"$out/ping"
	grep -q " $2 received" "$out/ping"
}

# $1: SPORT:DPORT, $2: how many; more options of send. Frames: each with an id.
frames() {
	local ports=$1 count=$2

	shift 2
	peer_run "$send" --device peer0 --to-mac "$TOPO_MAC:04" --src "$PEER_IP" \
		--dst "$OTHER_IP" --udp "$ports" --count "$count" "$@" >/dev/null
}

# The same, of IPv6, which has no ids: all headers are equal.
equal_frames() {
	frames "$@" --src "$PEER_IP6" --dst "$OTHER_IP6"
}

# $1: NAME, $2: N lines of records are there
has_records() { [[ $(grep -c '"type":"record"' "$out/$1.out") -ge $2 ]]; }

is_empty() { [[ $(tc -s -j qdisc show dev v1 | jq 'map(.qlen) | max') -eq 0 ]]; }

# What holds for any report of a run without losses.
expect_sound() { # NAME
	expect_that "$1" "all(.[]; $whole)"
	expect_that "$1" '. as $all | [range(length) as $i | $all[$i] | range(.rows | length) as $n |
		.rows[$n] | .started + (if $i > 0 then $all[$i - 1].rows[$n].waiting else 0 end) ==
		.count + .missing + .segmented + .elsewhere + .ambiguous + .waiting] | all'
	expect_that "$1" 'all(.[]; ([.rows[].started] | add) == .started and
		([.rows[].count] | add) == .completed and
		([.rows[].missing] | add) == .missing and
		([.rows[].ambiguous] | add) == .ambiguous and
		([.rows[].waiting] | add) == .waiting)'
	expect_that "$1" 'all(.[].rows[] | select(.count > 0); .min_ns <= .p50_ns and
		.p50_ns <= .p90_ns and .p90_ns <= .p95_ns and .p95_ns <= .p99_ns and
		.p99_ns <= .p999_ns and .p999_ns <= .max_ns and .min_ns <= .mean_ns and
		.mean_ns <= .max_ns and ([.histogram[].count] | add) == .count)'
}

# All of N arrived, and nothing else is counted.
expect_all() { # NAME N
	expect_that "$1" ".[-1] | .started == $2 and .completed == $2 and .missing == 0 and
		.ambiguous == 0 and .elsewhere == 0 and .segmented == 0 and .waiting == 0"
	expect_sound "$1"
}

@test "every ping, both ways, of each filter its own and no other" {
	printf '# both ways\n%s v1\n\n\tv1 %s # back\n' "$TOPO_PHY" "$TOPO_PHY" >"$out/pairs"
	tool_start both "${pair[@]}" --pairs "$out/pairs" --protocol icmp --interval 1h
	tool_start six "${pair[@]}" "${to_v1[@]}" --dst-ip fd09::/64 --interval 1h
	tool_start r "${pair[@]}" "${to_v1[@]}" --dst-port 7501 --threshold 1ns
	peer_run ping -q -f -c 300 -W 5 "$OTHER_IP" >"$out/ping"
	grep -q ' 300 received' "$out/ping"
	ping_other "$OTHER_IP6" 40
	# Before there are answers of ICMP to the datagrams.
	tool_stop both six
	frames 4000:7501 30
	frames 4000:7502 20
	tool_stop r
	expect_all both 600
	expect_that both ".[-1].rows | map([.from, .to, .count]) ==
		[[\"$TOPO_PHY\", \"v1\", 300], [\"v1\", \"$TOPO_PHY\", 300]]"
	expect_that both ".[-1].rows[0] | .from_ifindex == $(</sys/class/net/$TOPO_PHY/ifindex) and
		.to_ifindex == $(</sys/class/net/v1/ifindex) and
		.netns == $(stat -Lc %i /proc/self/ns/net)"
	expect_all six 40
	expect_that r "map(select(.type == \"record\")) | length == 30 and all(
		.from == \"$TOPO_PHY\" and .to == \"v1\" and .result == \"slow\" and
		.total_ns > 0 and .cpu < 2 and .to_cpu < 2 and .flow.src == \"$PEER_IP\" and
		.flow.dst == \"$OTHER_IP\" and .flow.dst_port == 7501 and
		.flow.protocol == \"udp\" and .len > 0) and (map(.ip_id) == [range(30)])"
	expect_that r '.[-1] | .records == 30 and .completed == 30 and .over == 30 and .complete'
	expect_met
	expect_json both latency.pair
	expect_json r latency.pair
}

# Mean round trip in us of $1 pings from the peer.
round_trip() {
	peer_run ping -q -i 0.02 -W 5 -c "$1" "$OTHER_IP" |
		sed -n 's|^rtt [^=]*= [^/]*/\([0-9]*\)\.\([0-9]*\)/.*|\1\2|p'
}

@test "netem 20 ms at the second device: the delay, as ping sees it" {
	local without with

	without=$(round_trip 50)
	tc qdisc replace dev v1 root netem delay 20ms
	tool_start s "${pair[@]}" "${to_v1[@]}" --over 10ms --interval 1h
	tool_start some "${pair[@]}" "${to_v1[@]}" --interval 50ms
	with=$(round_trip 50)
	tool_stop s some
	expect_all s 50
	expect_that s '.[-1].rows[0] | .over == 50 and .min_ns >= 20000000 and
		.p50_ns < 40000000'
	expect_that s ".[-1].rows[0].mean_ns / 1000 / ($with - $without) | . > 0.9 and . < 1.1"
	# Those under way at the end of an interval are in one of them.
	expect_that some 'length > 5 and ([.[].started] | add) == 50 and
		([.[].completed] | add) == 50 and ([.[].waiting] | max) > 0'
	expect_sound some
	expect_met
}

@test "what Open vSwitch drops, and what comes too late, is missing" {
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=90,in_port=$TOPO_PHY,udp,tp_dst=7503,actions=drop"
	tool_start s "${pair[@]}" "${to_v1[@]}" --protocol udp --timeout 300ms --interval 1h
	tool_start r "${pair[@]}" "${to_v1[@]}" --protocol udp --timeout 300ms --missing
	frames 4000:7503 40
	frames 4000:7504 10
	wait_for 20 has_records r 40
	tc qdisc replace dev v1 root netem delay 1500ms
	frames 4000:7505 12
	wait_for 20 has_records r 52
	wait_for 20 is_empty
	tool_stop s r
	expect_that s '.[-1] | .started == 62 and .missing == 52 and .completed == 10 and
		.waiting == 0'
	expect_sound s
	expect_that r "map(select(.type == \"record\")) | length == 52 and all(
		.result == \"missing\" and .total_ns == null and .to_cpu == null and
		.from == \"$TOPO_PHY\" and .flow.dst == \"$OTHER_IP\") and
		(map(select(.flow.dst_port == 7503).ip_id) | sort == [range(40)]) and
		(map(select(.flow.dst_port == 7505).ip_id) | sort == [range(12)])"
	expect_that r '.[-1] | .records == 52 and .missing == 52 and .completed == 10 and .complete'
	expect_met
	expect_json r latency.pair
}

@test "each packet an upcall: all of them, whole or cut" {
	upcalls_always
	tool_start s "${pair[@]}" "${to_v1[@]}" --protocol icmp --interval 1h
	tool_start six "${pair[@]}" "${to_v1[@]}" --dst-port 7506 --interval 1h
	ping_other "$OTHER_IP" 200
	# Equal headers and other buffers: never a wrong time, and none is missing.
	equal_frames 4000:7506 6
	tool_stop s six
	expect_all s 200
	expect_that six '.[-1] | .started == 6 and .completed + .ambiguous == 6'
	expect_sound six
	expect_met
}

# The bridge's flow for them is there: no more upcalls, which would change buffers.
is_warm6() {
	equal_frames 4000:7500 1
	ovs-dpctl dump-flows | grep 'eth_type(0x86dd)' | grep -qv 'proto=58'
}

@test "packets with equal headers: told apart by their bytes, or ambiguous" {
	wait_for 20 is_warm6
	tc qdisc replace dev v1 root netem delay 2s
	tool_start few "${pair[@]}" "${to_v1[@]}" --dst-port 7507 --timeout 20s --interval 1h
	tool_start many "${pair[@]}" "${to_v1[@]}" --dst-port 7508 --timeout 20s --interval 1h
	tool_start full "${pair[@]}" "${to_v1[@]}" --dst-port 7509 --timeout 20s --interval 1h \
		--max-entries 4
	equal_frames 4000:7507 8
	equal_frames 4000:7508 20
	frames 4000:7509 30
	wait_for 20 is_empty
	tool_stop few many full
	expect_all few 8
	expect_that few '.[-1].rows[0].min_ns >= 2000000000'
	expect_that many '.[-1] | .started == 20 and .completed == 8 and .ambiguous == 12 and
		.missing == 0 and .waiting == 0 and .rows[0].min_ns >= 2000000000'
	expect_sound many
	expect_that full '.[-1] | .started + .losses.map_full == 30 and .losses.map_full > 0 and
		.started == .completed and (.complete | not)'
	expect_met
}

@test "pairs from a file are kept apart, what goes to another one is elsewhere" {
	tap_up t0 --bridge
	tap_read t0
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=90,in_port=$TOPO_PHY,udp,tp_dst=7511,actions=output:t0"
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=90,in_port=$TOPO_PHY,udp,tp_dst=7512,actions=output:t0,output:v1"
	printf '%s\n' "$TOPO_PHY v1" "$TOPO_PHY t0" "v1 t0" >"$out/pairs"
	tool_start s "${pair[@]}" --pairs "$out/pairs" --protocol udp --timeout 300ms --interval 1h
	tool_start r "${pair[@]}" --from "$TOPO_PHY" --to v1 --protocol udp --timeout 300ms --missing
	frames 4000:7510 10
	frames 4000:7512 7
	frames 4000:7511 25
	wait_for 20 has_records r 25
	tool_stop s r
	expect_that s '.[-1].rows | map([.from, .to, .started, .count, .missing, .elsewhere]) ==
		[["ens11", "v1", 42, 17, 0, 25], ["ens11", "t0", 42, 32, 0, 10],
		 ["v1", "t0", 0, 0, 0, 0]]'
	expect_sound s
	expect_met
}

@test "a VLAN tag that Open vSwitch takes off, and puts on" {
	ovs-vsctl set port v1 tag=123
	tool_start tag "${pair[@]}" "${to_v1[@]}" --vlan 123 --interval 1h
	tool_start other "${pair[@]}" "${to_v1[@]}" --vlan 124 --interval 1h
	tool_start back "${pair[@]}" --from v1 --to "$TOPO_PHY" --dst-port 7515 --interval 1h
	peer_run "$send" --device peer0 --to-mac "$TOPO_MAC:04" --src "$PEER_IP" \
		--dst "$OTHER_IP" --vlan 123 --udp 4000:7514 --count 15 >/dev/null
	other_run "$send" --device o0 --to-mac "$TOPO_MAC:01" --src "$OTHER_IP" \
		--dst "$PEER_IP" --udp 4000:7515 --count 12 >/dev/null
	tool_stop tag other back
	expect_all tag 15
	expect_all other 0
	expect_all back 12
	expect_met
}

@test "the host's own end: an internal port" {
	printf '%s\n' "$TOPO_PHY $TOPO_BRIDGE" "$TOPO_BRIDGE $TOPO_PHY" >"$out/pairs"
	tool_start s "${pair[@]}" --pairs "$out/pairs" --protocol icmp --interval 1h
	ping_host "$HOST_IP" 50
	tool_stop s
	expect_all s 100
	expect_that s '.[-1].rows | map(.count) == [50, 50]'
	expect_met
}

# $1: bytes from the peer to the other one by TCP
send_tcp() {
	rm -f "$out/tcp"
	other_run socat -u TCP4-LISTEN:7520,reuseaddr CREATE:"$out/tcp" 3>&- 4>&- &
	servers+=($!)
	wait_for 20 eval "other_run ss -Hltn 'sport = :7520' | grep -q ."
	head -c "$1" /dev/zero |
		peer_run socat -u - "TCP4:$OTHER_IP:7520,connect-timeout=10"
	wait_for 20 eval "[[ \$(stat -c %s '$out/tcp') -eq $1 ]]"
}

# Packets came in the reports behind the first $1, and none in the last.
is_quiet() {
	jq -se ".[$1:] | any(.[]; .started > 0) and last.started == 0 and last.waiting == 0" \
		"$out/s.out" >/dev/null
}

@test "TCP: whole if the driver segments, else segmented, not missing" {
	local whole

	tool_start s "${pair[@]}" "${to_v1[@]}" --dst-port 7520 --timeout 200ms --interval 500ms
	send_tcp 1000000
	wait_for 20 is_quiet 0
	whole=$(wc -l <"$out/s.out")
	ethtool -K v1 tx-tcp-segmentation off >/dev/null
	send_tcp 1000000
	wait_for 20 is_quiet "$whole"
	tool_stop s
	expect_that s ".[:$whole] | ([.[].completed] | add) > 10 and ([.[].segmented] | add) == 0 and
		([.[].started] | add) == ([.[].completed] | add)"
	expect_that s ".[$whole:] | ([.[].segmented] | add) > 5 and ([.[].missing] | add) == 0 and
		([.[].started] | add) == ([.[].completed] | add) + ([.[].segmented] | add)"
	expect_sound s
	expect_met
}

@test "text, pictures, and devices that hand nothing over" {
	ip link add link v1 name v1.5 type vlan id 5
	run -2 --separate-stderr "$VNETDIAG" latency pair --from v1.5 --to v1
	assert_equal "$stderr" "vnetdiag: error: 'v1.5' hands no packets over: those below it do
hint: of a vlan name the device that it is made of"
	ip link delete v1.5
	tool_start text latency pair "${to_v1[@]}" --protocol icmp --interval 1h
	tool_start hist latency pair "${to_v1[@]}" --protocol icmp --format hist --interval 1h
	ping_other "$OTHER_IP" 20
	tool_stop text hist
	grep -qE "^$TOPO_PHY +v1 +20 +[0-9.]+ [num]s " "$out/text.out"
	grep -qE "^$TOPO_PHY +v1 +20 +20 +0 +0 +0 +0 +0 +-$" "$out/text.out"
	grep -qx "FROM: $TOPO_PHY, TO: v1" "$out/hist.out"
}
