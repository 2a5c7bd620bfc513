#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `ovs drop` on each kernel: exact numbers of packets for each cause that can be
# brought about, as the datapath's own counters have them where it keeps any.

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	# More of them, which ovs-vswitchd leaves alone: their flows are ours. What
	# `own` puts out by d9 comes into `two`, and out of that by d8 into `three`,
	# each inside the call of the one before.
	modprobe -a macvlan nf_conntrack
	ip link add d0 type veth peer name s0
	ip link add d1 type veth peer name s1
	ip link set d0 up
	ip link set s0 up
	ip link set d1 mtu 600 up
	ip link set s1 up
	for dp in own two three; do
		ovs-dpctl add-dp $dp
		ip link set $dp up
	done
	ip link add link two name d9 type macvlan mode vepa
	ip link add link three name d8 type macvlan mode vepa
	ip link set d9 up
	ip link set d8 up
	ovs-dpctl add-if own d0
	ovs-dpctl add-if own d1
	ovs-dpctl add-if own d9
	ovs-dpctl add-if two d8
}

teardown_file() {
	. tests/lab/topology.sh
	for dp in own two three; do ovs-dpctl del-dp $dp || :; done
	ip link delete d0
	ip link delete d1
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	drop=(ovs drop --format json --interval 1h)
}

teardown() {
	tools_kill
	kill -CONT "$(</var/run/openvswitch/ovs-vswitchd.pid)"
	ovs-vsctl --timeout=20 remove Open_vSwitch . other_config max-idle
	ovs-ofctl del-flows "$TOPO_BRIDGE" udp
	ovs-dpctl del-flows own
}

# Into the datapath `own` by d0. A process is dear: one for all.
send_own() { # --then --count N --udp SPORT:DPORT [OPTION...] ...
	"$send" --device s0 --to-mac 02:00:00:00:00:77 --src 10.7.0.1 \
		--dst 10.7.0.2 "$@" >/dev/null
}

send_peer() { # COUNT PORTS [OPTION...]
	local count=$1 ports=$2

	shift 2
	peer_run "$send" --device peer0 --to-mac "$TOPO_MAC:02" \
		--src "$PEER_IP" --dst "$HOST_IP" --udp "$ports" --count "$count" "$@" \
		>/dev/null
}

# A flow for UDP to port $1 that came in by d0, with actions $2.
own_flow() {
	ovs-dpctl add-flow own "recirc_id(0),in_port(1),eth(),eth_type(0x0800),$(
		)ipv4(proto=17,frag=no),udp(dst=$1)" "$2"
}

# A flow for what was given that recirculation id.
own_recirc() {
	ovs-dpctl add-flow own "recirc_id($1),in_port(1),eth(),eth_type(0x0800),$(
		)ipv4(frag=no)" "$2"
}

# One of the datapath's counters: hit, missed, lost
dp_counter() { # DATAPATH NAME
	ovs-dpctl show "$1" | sed -n "s/.*lookups:.* $2:\([0-9]*\).*/\1/p"
}

# Packets of the datapath flows to UDP port $1 that drop.
dp_flow_packets() {
	ovs-appctl dpctl/dump-flows ovs-system | awk -v port="$1" '
		index($0, "dst=" port ")") && /actions:drop/ {
			sub(/.*packets:/, ""); n += $0 + 0; seen = 1 }
		END { print n + 0; exit !seen }'
}

# A number of meter 1 by its name.
meter_stat() {
	ovs-ofctl -O OpenFlow13 meter-stats "$TOPO_BRIDGE" meter=1 |
		sed -n "s/.*$1:\([0-9]*\).*/\1/p"
}

# Rows of cause $2, and of UDP to port $3 if given, count $1 packets.
row_count() { # N CAUSE [PORT]
	printf '([.[-1].rows[] | select(.cause == "%s"%s) | .count] | add // 0) == %d' \
		"$2" "${3:+ and .flow.dst_port == $3}" "$1"
}

@test "flows without actions, meters: as the datapath counts them" {
	local before metered

	# No flow may go, with its count, while a slow machine looks at it.
	ovs-vsctl --timeout=20 set Open_vSwitch . other_config:max-idle=600000
	ovs-ofctl add-flow "$TOPO_BRIDGE" udp,tp_dst=7501,actions=drop
	ovs-ofctl -O OpenFlow13 add-meter "$TOPO_BRIDGE" \
		meter=1,pktps,stats,bands=type=drop,rate=10
	ovs-ofctl -O OpenFlow13 add-flow "$TOPO_BRIDGE" \
		udp,tp_dst=7502,actions=meter:1,local
	tool_start s "${drop[@]}"
	tool_start port "${drop[@]}" --by cause,port --dst-port 7502
	tool_start other "${drop[@]}" --dst-port 7503
	# The first is an upcall, which ovs-vswitchd answers with a flow and no packet.
	send_peer 1 4000:7501
	wait_for 10 dp_flow_packets 7501 >/dev/null
	before=$(dp_flow_packets 7501)
	send_peer 40 4000:7501
	send_peer 100 4000:7502
	wait_for 10 eval "[[ \$(dp_flow_packets 7501) -ge 40 ]]"
	wait_for 10 eval "[[ \$(meter_stat packet_in_count) -ge 100 ]]"
	metered=$(meter_stat '0: *packet_count')
	tool_stop s port other
	((before == 0 && metered >= 40))
	expect_that s "$(row_count 40 no_action 7501)"
	expect_that s "$(row_count "$metered" meter 7502)"
	expect_that s '[.[-1].rows[] | select(.flow.dst_port == 7501 or .flow.dst_port == 7502)] |
		length == 2 and all(.port == "ens11" and .flow.src == "10.9.0.1" and
		.flow.dst == "10.9.0.2" and .out_port == null)'
	expect_that port ".[-1].rows | length == 1 and .[0].cause == \"meter\" and
		.[0].count == $metered and .[0].port == \"ens11\" and .[0].flow == null"
	expect_that other '.[-1] | .rows == [] and .total == 0 and .complete'
	expect_met
	expect_json s ovs.drop
}

@test "a datapath of our own: every cause its exact number" {
	# ovs-dpctl cannot send an empty list; but inside of another action there is one.
	local lost nothing='check_pkt_len(size=9000,gt(drop),le(drop))'
	local from_inside='recirc_id(0),in_port(0),eth(),eth_type(0x0800),ipv4(frag=no)'

	own_flow 1000 "$nothing"
	# Port 2 takes 600 bytes, port 40 is none.
	own_flow 1001 2
	own_flow 1002 40
	# At the fourth level actions are put off, nine of them at most.
	own_flow 1003 'recirc(1)'
	own_recirc 1 'recirc(2)'
	own_recirc 2 'recirc(3)'
	own_recirc 3 "$(printf 'recirc(4),%.0s' {1..11})recirc(4)"
	own_recirc 4 "$nothing"
	# The fourth level in `own`, the fifth in `two`: `three` is one too many.
	own_flow 1004 'recirc(11)'
	own_recirc 11 'recirc(12)'
	own_recirc 12 'recirc(13)'
	own_recirc 13 3
	ovs-dpctl add-flow two "$from_inside" 1
	ovs-dpctl add-flow three "$from_inside" "$nothing"
	# A zone with room for one connection.
	ovs-dpctl ct-set-limits own zone=5,limit=1
	own_flow 1005 'ct(commit,zone=5),2'
	lost=$(dp_counter own lost)
	tool_start s "${drop[@]}"
	tool_start device "${drop[@]}" --device d0 --by port
	tool_start flow "${drop[@]}" --by flow --dst-port 1001
	# The last has no flow and nobody to ask.
	send_own --then --count 30 --udp 5:1000 \
		--then --count 25 --udp 5:1001 --size 1000 \
		--then --count 20 --udp 5:1001 --size 500 \
		--then --count 15 --udp 5:1002 --then --count 10 --udp 5:1003 \
		--then --count 8 --udp 5:1004 --then --count 6 --udp 5:1005 --flows 6 \
		--then --count 35 --udp 5:1006
	lost=$(($(dp_counter own lost) - lost))
	tool_stop s device flow
	expect_that s "$(row_count 30 no_action 1000)"
	if [[ $LAB_KERNEL == 5.10 ]]; then
		expect_that s "$(row_count 25 output 1001)"
	else
		expect_that s "$(row_count 25 mtu 1001)"
		expect_that s '[.[-1].rows[] | select(.cause == "mtu")] |
			length == 1 and .[0].out_port == "d1" and .[0].port == "d0"'
	fi
	expect_that s "$(row_count 15 output 1002)"
	expect_that s "$(row_count 30 deferred_limit 1003)"
	expect_that s "$(row_count 90 no_action 1003)"
	expect_that s "$(row_count 8 recursion_limit 1004)"
	expect_that s "$(row_count 5 conntrack 1005)"
	expect_that s "$(row_count 35 upcall_failed 1006)"
	expect_that s "$(row_count "$lost" upcall_failed)"
	expect_that s '.[-1] | ([.rows[] | select(.flow.dst_port >= 1000 and
		.flow.dst_port <= 1006) | .count] | add) == 238 and .complete'
	expect_that s ".[-1].datapaths | map({(.name): .}) | add |
		.own.lost == $lost and .own.missed == 35 and .two.hit == 8 and .three.hit == 8"
	expect_that s '[.[-1].rows[] | select(.cause == "recursion_limit")] | all(.port == "three")'
	expect_that device '.[-1].rows | length == 1 and .[0].count == 230 and
		.[0].port == "d0" and .[0].cause == null'
	expect_that flow '.[-1].rows | length == 1 and .[0].count == 25 and .[0].port == null'
	expect_met
	expect_json s ovs.drop
}

@test "nobody reads the upcalls: the drops are what the datapath calls lost" {
	local lost pid

	pid=$(</var/run/openvswitch/ovs-vswitchd.pid)
	ovs-dpctl del-flows ovs-system
	# Room for a few messages each.
	"$test_tools/rcvbuf" "$pid" 4096 >/dev/null
	kill -STOP "$pid"
	lost=$(dp_counter ovs-system lost)
	tool_start s "${drop[@]}" --by cause,port
	send_peer 400 4000:7504 --flows 100
	lost=$(($(dp_counter ovs-system lost) - lost))
	tool_stop s
	kill -CONT "$pid"
	"$test_tools/rcvbuf" "$pid" 1048576 >/dev/null
	((lost >= 100))
	expect_that s "$(row_count "$lost" upcall_failed)"
	expect_that s ".[-1].datapaths[] | select(.name == \"ovs-system\") | .lost >= $lost"
	expect_that s '[.[-1].rows[] | select(.cause == "upcall_failed")] |
		length == 1 and .[0].port == "ens11"'
	expect_that s '.[-1].complete'
	expect_met
}
