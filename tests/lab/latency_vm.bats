#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `latency` between a guest and the NIC: peer <-> ens11 <-> OVS <-> vnet0 <->
# vhost <-> guest. Exact counts, known delays where they were put, and what
# `latency details` says of the same packets.

bats_require_minimum_version 1.5.0
load ../lib/common
load latency

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	guest_up
	ovs-vsctl set Open_vSwitch . other_config:max-idle=600000
	guest_run sysctl -q -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
}

teardown_file() {
	. tests/lab/topology.sh
	guest_down
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	vm=(--phy-interface "$TOPO_PHY" --vm-interface "$TOPO_TAP")
	latency=(latency summary "${vm[@]}" --format json)
}

teardown() {
	tools_kill
	guest_cont
	! was_called tc || tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	! was_called ovs-ofctl || ovs-ofctl del-flows "$TOPO_BRIDGE" cookie=0x7e57/-1
	[[ -z ${all_upcalls:-} ]] || upcalls_as_usual
	tap_down vnet9
}

ping_guest() { # ADDRESS N
	peer_run ping -q -i 0.01 -W 5 -c "$2" "$1" >"$out/ping"
	grep -q " $2 received" "$out/ping"
}

warm_up_guest() {
	peer_run ping -q -c 2 -i 0.1 -W 5 "$GUEST_IP" >/dev/null
	peer_run ping -q -c 2 -i 0.1 -W 5 "$GUEST_IP6" >/dev/null
}

pairs() { # DIRECTION: "from to" of each row
	printf '[.[-1].rows[] | select(.direction == "%s") | .from + " " + .to]' "$1"
}

@test "2000 pings give 2000 packets at every stage, both ways, and IPv6" {
	warm_up_guest
	tool_start s "${latency[@]}" --interval 1h
	peer_run ping -q -f -c 2000 -W 5 "$GUEST_IP" >"$out/ping"
	grep -q " 2000 received" "$out/ping"
	tool_stop s
	tool_start s6 "${latency[@]}" --interval 1h
	ping_guest "$GUEST_IP6" 100
	tool_stop s6
	expect_that s "$(pairs rx) == [\"nic ovs\", \"ovs output\", \"output qdisc\",
		\"qdisc tun\", \"tun taken\", \"nic taken\"]"
	expect_that s "$(pairs tx) == [\"vnet ovs\", \"ovs output\", \"output qdisc\",
		\"qdisc driver\", \"vnet driver\"]"
	expect_that s '.[-1].rows | all(.count == 2000 and .path == "vm")'
	expect_that s6 '.[-1].rows | all(.count == 100)'
	expect_sound s
	expect_sound s6
	expect_met
	expect_json s latency.summary
}

@test "2000 upcalls: each packet is followed across it, both ways" {
	warm_up_guest
	upcalls_always
	tool_start s "${latency[@]}" --protocol icmp --interval 1h
	peer_run ping -q -f -c 2000 -W 5 "$GUEST_IP" >"$out/ping"
	grep -q " 2000 received" "$out/ping"
	tool_stop s
	expect_that s 'misses as $missed | .[-1].directions | all(.[]; all(.started, .completed;
		. <= 2000 and . >= 2000 - $missed))'
	expect_that s 'misses as $missed | [.[-1].rows[] | select(.from == "upcall" or
		.from == "return") | .count] | length == 4 and
		all(. <= 2000 and . >= 2000 - $missed)'
	expect_that s 'misses as $missed | [.[-1].rows[] | select(.from == "ovs" and
		.to == "output")] | all(.count <= $missed)'
	expect_sound s
	expect_met
}

@test "a delay of 5 ms in the qdisc of ens11 is the guest's tx, there and nowhere else" {
	warm_up_guest
	tc qdisc replace dev "$TOPO_PHY" root netem delay 5ms
	tool_start s "${latency[@]}" --over 4ms --interval 1h
	ping_guest "$GUEST_IP" 100
	tool_stop s
	worst=$(sed -n 's|^rtt .* = [^/]*/[^/]*/\([0-9]*\).*|\1|p' "$out/ping")
	# No packet waited there for longer than its ping, in which that is.
	expect_that s ".[-1].rows[] | select(.direction == \"tx\" and .from == \"qdisc\") |
		.count == 100 and .min_ns >= 5000000 and
		.max_ns < ($worst + 1) * 1000000"
	expect_that s '.[-1].rows[] | select(.direction == "tx" and .total) |
		.min_ns >= 5000000 and .over == 100'
	expect_that s '[.[-1].rows[] | select(.direction == "tx" and .from != "qdisc" and
		(.total | not))] | length == 3 and all(.p50_ns < 2500000)'
	expect_sound s
	expect_met
}

# The guest's CPUs stand still: its ring of 256 buffers fills, then vhost takes
# no more and packets wait in the tap's.
@test "a guest that stands still: seen from the tap's ring to vhost" {
	warm_up_guest
	tool_start s "${latency[@]}" --dst-port 7400 --direction rx --over 1s --interval 1h
	tool_start details latency details "${vm[@]}" --dst-port 7400 --direction rx \
		--threshold tun=1s --format json
	guest_stop
	"$send" --netns peer --socket --src "$PEER_IP" --dst "$GUEST_IP" \
		--udp 1000:7400 --count 500 >/dev/null
	# All that is in the tap's ring waits for as long; vhost, which an emulated CPU
	# may hold up for a while, has the others by then.
	sleep 1.2
	guest_cont
	wait_for 20 ring_is_empty
	tool_stop s details
	expect_that s '.[-1].directions[0] | .started == 500 and .completed == 500'
	expect_that s '.[-1].rows[] | select(.from == "tun") |
		.max_ns > 1200000000 and .count == 500'
	# Its ring of 256 buffers, of which it may not have given back half, has the first.
	expect_that s '.[-1].rows[] | select(.total) | .over >= 244 and .over <= 372'
	expect_that s '[.[-1].rows[] | select(.from != "tun" and (.total | not))] |
		all(.p90_ns < 50000000)'
	expect_that details '[.[] | select(.type == "record")] |
		length == $s[-1].directions[0].over and all(.slowest == "tun" and
		.flow.dst_port == 7400 and (.stages[-1] | .stage == "taken" and
		(.comm | test("vhost|qemu"))))'
	expect_sound s
	expect_met
	expect_json details latency.details
}

# vhost has taken all that the tap's ring held.
ring_is_empty() {
	[[ $(peer_run ping -q -c 1 -W 2 "$GUEST_IP") == *" 1 received"* ]]
}

# Not of latency, but there is a guest here. QEMU is stopped, vhost takes what the
# guest has room for, and then its ring fills.
@test "tun summary: a stopped guest's queue is flagged, no other; every drop" {
	local drops=/sys/class/net/$TOPO_TAP/statistics/tx_dropped before after

	warm_up_guest
	tap_up vnet9
	before=$(<"$drops")
	tool_start s tun summary --format json --interval 1h --stalled-after 1us
	tool_start full tun details --format json --limit 20
	peer_run ping -q -c 100 -i 0.01 -W 5 "$GUEST_IP" >/dev/null
	tool_start flows tun summary --format json --interval 1h --vm guest --stalled-after 1h
	peer_run ping -q -c 100 -i 0.01 -W 5 "$GUEST_IP" >/dev/null
	tool_stop flows
	guest_stop process
	"$send" --netns peer --socket --src "$PEER_IP" --dst "$GUEST_IP" --udp 1000:7401 \
		--count 2000 >/dev/null
	tool_end full
	after=$(<"$drops")
	tool_stop s
	expect_that flows ".[-1].rows | map(select(.device == \"$TOPO_TAP\"))[0] |
		.state == \"flowing\" and .produced == 100 and .consumed == 100 and
		.depth == 0 and .drops == 0 and .size == 1000"
	expect_that flows ".[-1].rows | all(.device == \"$TOPO_TAP\")"
	expect_that s ".[-1] | .queues_stalled == 1 and (.rows[0] | .device == \"$TOPO_TAP\" and
		.state == \"stalled\" and .used_percent == 100 and .size == 1000 and
		.depth > 980 and .drops == $after - $before and .drops > 0 and
		.other_drops == 0 and .produced + .drops == 2200)"
	expect_that s '.[-1].rows | map(select(.device == "vnet9"))[0] | .state == "idle"'
	expect_that full "map(select(.type == \"record\")) | length == 20 and
		all(.device == \"$TOPO_TAP\" and .full and .flow.dst == \"$GUEST_IP\")"
	expect_met
	expect_json s tun.summary
	expect_json full tun.details
	guest_cont
	wait_for 20 ring_is_empty
}

@test "percentiles are within a bucket of those of all the records" {
	local p

	warm_up_guest
	tc qdisc replace dev "$TOPO_PHY" root netem delay 8ms 3ms
	tool_start s "${latency[@]}" --direction tx --interval 1h
	tool_start details latency details "${vm[@]}" --direction tx --format json
	ping_guest "$GUEST_IP" 300
	tool_stop s details
	# Each takes its own times: where an emulated CPU stood still between the two, a
	# packet has another place in the order. Two may have.
	for p in 50 90 95 99; do
		expect_that s "[\$details[] | select(.type == \"record\").total_ns] | sort |
			(((length * $p / 100) | ceil) - 1) as \$i |
			.[\$i - 2] as \$least | .[\$i + 2] as \$most |
			\$s[-1].rows[] | select(.total).p${p}_ns |
			. <= \$most * 1.0625 + 50000 and . >= \$least * 0.9375 - 50000"
	done
	expect_records details 300 '.direction == "tx"'
	expect_that details '[.[] | select(.type == "record")] | all(.slowest as $slowest |
		([.stages[].delta_ns // 0] | add) == .total_ns and
		([.stages[] | select(.stage == $slowest).delta_ns] ==
		 [[.stages[].delta_ns // 0] | max]))'
	expect_that details '.[-1] | .records == 300 and .started == 300 and .completed == 300'
	expect_met
}

@test "filters show their flow and no other, by address, port, IPv6 and VLAN" {
	warm_up_guest
	peer_run ip link add link peer0 name peer0.123 type vlan id 123
	peer_run ip address add 10.79.0.1/24 dev peer0.123
	peer_run ip link set peer0.123 up
	peer_run ip neighbour replace 10.79.0.3 lladdr 02:00:00:00:79:03 dev peer0.123 \
		nud permanent
	tool_start port "${latency[@]}" --dst-port 7401 --interval 1h
	tool_start other "${latency[@]}" --dst-port 7402 --interval 1h
	tool_start net "${latency[@]}" --src-ip 10.9.0.0/24 --protocol udp --interval 1h
	tool_start six "${latency[@]}" --dst-ip "$GUEST_IP6" --protocol udp --interval 1h
	tool_start vlan "${latency[@]}" --vlan 123 --interval 1h
	"$send" --netns peer --socket --src "$PEER_IP" --dst "$GUEST_IP" \
		--udp 1000:7401 --count 60 >/dev/null
	"$send" --netns peer --socket --src "$PEER_IP6" --dst "$GUEST_IP6" \
		--udp 1000:7403 --count 40 >/dev/null
	# Its tag is the trunk's: the guest gets it as it is.
	"$send" --netns peer --socket --src 10.79.0.1 --dst 10.79.0.3 \
		--udp 1000:7404 --count 30 >/dev/null
	wait_for 20 ring_is_empty
	peer_run ip link delete peer0.123
	tool_stop port other net six vlan
	expect_that port '.[-1].directions | map(.completed) == [60, 0]'
	expect_that other '.[-1].directions | map(.started) == [0, 0]'
	expect_that net '.[-1].directions | map(.completed) == [60, 0]'
	expect_that six '.[-1].directions | map(.completed) == [40, 0]'
	# Flooded: one packet asks ovs-vswitchd, none has an answer.
	expect_that vlan '.[-1].directions[0] | .started == 30 and .completed == 30'
	expect_met
}

@test "two guests are told apart" {
	warm_up_guest
	tap_up vnet9 --bridge
	tap_read vnet9
	tool_start first "${latency[@]}" --dst-port 7410 --interval 1h
	tool_start second latency summary --phy-interface "$TOPO_PHY" --vm-interface vnet9 \
		--format json --dst-port 7410 --interval 1h
	tool_start both latency summary --phy-interface "$TOPO_PHY" --dst-port 7410 \
		--vm-interface "$TOPO_TAP,vnet9" --format json --by flow --interval 1h
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=99,udp,nw_dst=10.9.0.77,actions=output:vnet9"
	peer_run ip neighbour replace 10.9.0.77 lladdr 02:00:00:00:79:04 dev peer0 nud permanent
	"$send" --netns peer --socket --src "$PEER_IP" --dst "$GUEST_IP" \
		--udp 1000:7410 --count 50 >/dev/null
	"$send" --netns peer --socket --src "$PEER_IP" --dst 10.9.0.77 \
		--udp 1000:7410 --count 70 >/dev/null
	wait_for 20 ring_is_empty
	wait_for 20 tap_has_read vnet9 70
	tool_stop first second both
	expect_that first '.[-1].directions[0] | .started == 120 and .completed == 50'
	expect_that second '.[-1].directions[0] | .started == 120 and .completed == 70'
	expect_that both '.[-1].directions[0] | .started == 120 and .completed == 120'
	expect_that both '.[-1].flows | map([.flow.dst, .count]) | sort ==
		[["10.9.0.3", 50], ["10.9.0.77", 70]]'
	expect_met
	expect_json both latency.summary
}

@test "conntrack is a stage of its own" {
	warm_up_guest
	modprobe nf_conntrack
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=99,table=0,icmp,ct_state=-trk,actions=ct(table=1)"
	ovs-ofctl add-flow "$TOPO_BRIDGE" "cookie=0x7e57,priority=99,table=1,icmp,actions=NORMAL"
	ping_guest "$GUEST_IP" 3
	tool_start s "${latency[@]}" --stages full --interval 1h
	tool_start usual "${latency[@]}" --interval 1h
	ping_guest "$GUEST_IP" 100
	tool_stop s usual
	expect_that s '[.[-1].rows[] | select(.from == "ct" or .to == "ct" or
		.from == "ct_done")] | length == 6 and all(.count == 100)'
	expect_that s '.[-1].directions | all(.completed == 100)'
	expect_that usual '[.[-1].rows[] | select(.from == "ovs" and .to == "output")] |
		length == 2 and all(.count == 100)'
	expect_sound s
	expect_met
}

# iperf3 is no measure here: it ends when the bytes are in the sender's socket,
# and what the receiver had not read by then never comes.
@test "TCP to the guest, large packets and small: as many as the tap hands out" {
	local packets bytes=4000000 small

	# The least in packets of one segment; those of the connection come on top.
	small=$((bytes / 1448))
	for gso in on off; do
		peer_run ethtool -K peer0 tso $gso gso $gso >/dev/null
		ethtool -K "$TOPO_PHY" gro $gso >/dev/null
		warm_up_guest
		tool_start s$gso "${latency[@]}" --direction rx --interval 1h
		packets=$(<"/sys/class/net/$TOPO_TAP/statistics/tx_packets")
		rm -f "$GUEST_SHARE/bytes"
		guest_run "$tcp" listen 7420 /run/lab/ctl/bytes
		peer_run "$tcp" send "$GUEST_IP" 7420 $bytes
		wait_for 20 test -e "$GUEST_SHARE/bytes"
		assert_equal "$(<"$GUEST_SHARE/bytes")" $bytes
		wait_for 20 ring_is_empty
		tool_stop s$gso
		packets=$(($(<"/sys/class/net/$TOPO_TAP/statistics/tx_packets") - packets))
		# Preemptible kernels leave out some at the tap's reader, and say so.
		expect_that s$gso "misses as \$misses | .[-1].directions[0].completed |
			short($packets; \$misses)"
		expect_that s$gso '.[-1].directions[0] |
			.started == .completed + .incomplete + .waiting'
	done
	peer_run ethtool -K peer0 tso on gso on >/dev/null
	ethtool -K "$TOPO_PHY" gro on >/dev/null
	expect_that soff "misses as \$misses | .[-1].directions[0].completed + \$misses > $small"
	expect_that son ".[-1].directions[0].completed < $small"
	expect_met
}

@test "a Linux bridge instead of OVS" {
	ip link add plain0 type veth peer name plain1 netns peer
	ip link add lbr type bridge
	tap_up vnet9
	tap_read vnet9
	ip link set plain0 master lbr
	ip link set vnet9 master lbr
	for dev in lbr plain0 vnet9; do ip link set $dev up; done
	peer_run ip address add 10.80.0.1/24 dev plain1
	peer_run ip link set plain1 up
	peer_run ip neighbour replace 10.80.0.3 lladdr 02:00:00:00:80:03 dev plain1 nud permanent
	wait_for 20 test "$(<"/sys/class/net/plain0/brport/state")" = 3
	tool_start s latency summary --phy-interface plain0 --vm-interface vnet9 --protocol udp \
		--format json --interval 1h
	"$send" --netns peer --socket --src 10.80.0.1 --dst 10.80.0.3 \
		--udp 1000:7430 --count 40 >/dev/null
	wait_for 20 tap_has_read vnet9 40
	tool_stop s
	ip link delete plain0
	ip link delete lbr
	expect_that s "$(pairs rx) == [\"nic qdisc\", \"qdisc tun\", \"tun taken\", \"nic taken\"]"
	expect_that s '.[-1].directions[0] | .started == 40 and .completed == 40'
	expect_that s '.[-1].filter.via == "kernel"'
	expect_sound s
	expect_met
}

@test "text, limits and wrong input" {
	warm_up_guest
	tool_start d latency details "${vm[@]}" --limit 3
	tool_start rate latency details "${vm[@]}" --rate-limit 5/s --format json
	ping_guest "$GUEST_IP" 100
	tool_end d
	tool_stop rate
	run grep -c 'path=vm' "$out/d.out"
	assert_output 3
	run grep -c '<- slowest' "$out/d.out"
	assert_output 3
	expect_that rate '.[-1].losses.suppressed > 100'
	expect_that rate '[.[] | select(.type == "record")] | length + $rate[-1].losses.suppressed == 200'
	expect_met
	run -2 "$VNETDIAG" latency details "${vm[@]}" --threshold warp=1ms
	assert_output --partial "'warp' of option '--threshold' is no stage"
	run -2 "$VNETDIAG" latency summary "${vm[@]}" --internal-interface lo
	assert_output --partial "two paths"
	run -2 "$VNETDIAG" latency summary --phy-interface "$TOPO_PHY" --vm-interface "$TOPO_PHY"
	assert_output --partial "both ends"
}
