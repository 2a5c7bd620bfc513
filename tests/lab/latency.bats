#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `latency summary` on the path peer <-> ens11 <-> OVS <-> br-int <-> stack of
# each kernel: exact counts, a known delay where it was put, and nothing lost
# sight of without being counted.

bats_require_minimum_version 1.5.0
load ../lib/common
load latency

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	modprobe nf_tables
	# Flows that nobody uses for 10 s would go, and packets be upcalls again.
	ovs-vsctl set Open_vSwitch . other_config:max-idle=600000
	ip link add plain0 type veth peer name plain1 netns peer
	ip address add 10.77.0.2/24 dev plain0
	ip link set plain0 up
	ip -n peer address add 10.77.0.1/24 dev plain1
	ip -n peer link set plain1 up
}

teardown_file() {
	. tests/lab/topology.sh
	ip link delete plain0
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	latency=(latency summary --phy-interface "$TOPO_PHY" --format json)
	captures=()
}

teardown() {
	local pid

	tools_kill
	for pid in "${captures[@]}"; do kill -9 "$pid" 2>/dev/null || :; done
	! was_called nft || nft flush ruleset
	! was_called tc || tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	! was_called ovs-ofctl || ovs-ofctl del-flows "$TOPO_BRIDGE" cookie=0x7e57/-1
}

statistics() { cat "/sys/class/net/$TOPO_BRIDGE/statistics/$1"; }

@test "200 pings give 200 packets at every stage, both ways, IPv4 and IPv6" {
	warm_up
	tool_start s "${latency[@]}" --interval 1h
	ping_host "$HOST_IP" 200
	tool_stop s
	warm_up
	tool_start s6 "${latency[@]}" --interval 1h
	ping_host "$HOST_IP6" 200
	tool_stop s6
	for name in s s6; do
		expect_rows $name rx 200
		expect_rows $name tx 200
		expect_that $name '.[-1].started == 400 and .[-1].completed == 400'
		expect_sound $name
	done
	expect_that s "$(rows rx) | map(.to) == [\"ovs\", \"output\", \"internal\", \"ip\", \"transport\", \"transport\"]"
	expect_that s "$(rows tx) | map(.from) == [\"ip\", \"internal\", \"ovs\", \"output\", \"qdisc\", \"ip\"]"
	expect_met
	expect_json s latency.summary
}

@test "a delay of 5 ms in the qdisc of ens11 is seen there and nowhere else" {
	warm_up
	tc qdisc replace dev "$TOPO_PHY" root netem delay 5ms
	tool_start s "${latency[@]}" --over 4ms --interval 1h
	peer_run ping -q -i 0.01 -W 10 -c 100 "$HOST_IP" >"$out/ping"
	worst=$(sed -n 's|^rtt .* = [^/]*/[^/]*/\([0-9]*\).*|\1|p' "$out/ping")
	tool_stop s
	expect_rows s tx 100
	# No packet waited there for longer than its ping, in which that is.
	expect_that s "$(rows tx) | map(select(.from == \"qdisc\"))[0] |
		.min_ns >= 5000000 and .max_ns < ($worst + 1) * 1000000"
	expect_that s "$(rows tx) | map(select(.total))[0] |
		.min_ns >= 5000000 and .over == 100"
	expect_that s "$(rows tx) | map(select(.from != \"qdisc\" and (.total | not))) |
		length == 4 and all(.p50_ns < 2500000)"
	expect_that s "$(rows rx) | all(.p50_ns < 2500000)"
	expect_sound s
	expect_met
}

@test "UDP: 500 packets each way, and filters show their flow and no other" {
	local name

	warm_up
	tool_start all "${latency[@]}" --protocol udp --interval 1h
	tool_start port "${latency[@]}" --dst-port 7301 --interval 1h
	tool_start src "${latency[@]}" --src-ip "$HOST_IP/32" --protocol udp --interval 1h
	tool_start six "${latency[@]}" --dst-ip fd09::/64 --protocol udp --interval 1h
	tool_start dev "${latency[@]}" --device "$TOPO_BRIDGE" --protocol udp --interval 1h
	tool_start none "${latency[@]}" --dst-port 7399 --interval 1h
	send_udp "$PEER_IP" "$HOST_IP" 500 1000:7301 --netns peer
	send_udp "$PEER_IP" "$HOST_IP" 30 1000:7302 --netns peer
	send_udp "$PEER_IP6" "$HOST_IP6" 20 1000:7303 --netns peer
	send_udp "$HOST_IP" "$PEER_IP" 500 1000:7304
	send_udp "$HOST_IP6" "$PEER_IP6" 40 1000:7305
	tool_stop all port src six dev none
	expect_rows all rx 550
	expect_rows all tx 540
	expect_rows port rx 500
	expect_rows port tx 0
	expect_rows src rx 0
	expect_rows src tx 500
	expect_rows six rx 20
	expect_rows six tx 40
	expect_rows dev rx 0
	expect_rows dev tx 540
	expect_rows none rx 0
	expect_rows none tx 0
	for name in all port src six dev none; do expect_sound $name; done
	expect_met
}

@test "TCP both ways: as many packets as the internal port counts" {
	local rx tx

	warm_up
	peer_run "$tcp" listen 7310 "$out/bytes"
	tool_start s "${latency[@]}" --interval 1h
	rx=$(statistics rx_packets) tx=$(statistics tx_packets)
	"$tcp" send "$PEER_IP" 7310 8000000
	rx=$(($(statistics rx_packets) - rx)) tx=$(($(statistics tx_packets) - tx))
	tool_stop s
	((rx > 20 && tx > 100))
	expect_rows s rx "$rx"
	expect_rows s tx "$tx"
	expect_that s '.[-1].directions | all(.incomplete == 0 and .not_followed == 0)'
	expect_sound s
	expect_met
}

@test "packets under way at the end of an interval are counted once" {
	warm_up
	# Longer than an interval: at its end they are under way.
	tc qdisc replace dev "$TOPO_PHY" root netem delay 100ms
	tool_start s "${latency[@]}" --protocol udp --interval 50ms
	for _ in 1 2 3 4 5 6 7 8; do
		send_udp "$HOST_IP" "$PEER_IP" 50 1000:7320
	done
	wait_for 20 queues_are_empty "$TOPO_PHY"
	wait_for 20 has_lines s 4
	tool_stop s
	expect_that s 'length > 3 and ([.[].directions[] | select(.direction == "tx")] |
		(map(.started) | add) == 400 and (map(.completed) | add) == 400 and
		(map(.waiting) | max) > 0 and last.waiting == 0)'
	expect_sound s
	expect_met
}

@test "packets that end elsewhere are incomplete at the stage they reached" {
	warm_up
	tc qdisc replace dev "$TOPO_PHY" root netem loss 100%
	nft "add table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in udp dport 7330 drop"
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=99,udp,nw_src=$PEER_IP,tp_dst=7331,actions=drop"
	# The drop needs a datapath flow of its own first.
	send_udp "$PEER_IP" "$HOST_IP" 1 1000:7330 --netns peer
	send_udp "$PEER_IP" "$HOST_IP" 1 1000:7331 --netns peer
	wait_for 5 eval "ovs-dpctl dump-flows | grep -q 7331"
	send_udp "$HOST_IP" "$PEER_IP" 1 1000:7332
	tool_start s "${latency[@]}" --protocol udp --interval 1h
	send_udp "$PEER_IP" "$HOST_IP" 17 1000:7330 --netns peer
	send_udp "$PEER_IP" "$HOST_IP" 23 1000:7331 --netns peer
	send_udp "$HOST_IP" "$PEER_IP" 31 1000:7332
	tool_stop s
	expect_that s '.[-1].incomplete | .rx_ip == 17 and .rx_ovs == 23 and .tx_qdisc == 31 and
		add == 71'
	expect_that s '.[-1].started == 71 and .[-1].completed == 0'
	expect_sound s
	expect_met
}

@test "every packet an upcall: each is followed across it, both ways" {
	local count=2000

	warm_up
	upcalls_always
	tool_start s "${latency[@]}" --protocol icmp --interval 1h
	peer_run ping -q -f -c $count -W 5 "$HOST_IP" >"$out/ping"
	tool_stop s
	upcalls_as_usual
	grep -q " $count received" "$out/ping"
	expect_that s "misses as \$missed | .[-1].directions | all(.[]; all(.started, .completed;
		. <= $count and . >= $count - \$missed))"
	for dir in rx tx; do
		expect_that s "misses as \$missed | $(rows $dir) | map(select(.to == \"upcall\" or
			.from == \"upcall\" or .from == \"return\") | .count) | length == 3 and
			all(. <= $count and . >= $count - \$missed)"
	done
	expect_sound s
	expect_met
}

# A stall of 200 ms of ovs-vswitchd's threads $1*, while pings go on that are all
# upcalls. Sets from and to, the time in which all of them stood still, and what
# the pings say, which know nothing of us: how many took over 100 ms, and the worst.
stall_pings() {
	local pinger

	upcalls_always
	tool_start s "${latency[@]}" --protocol icmp --over 100ms --interval 1h
	tool_start details latency details --phy-interface "$TOPO_PHY" --protocol icmp \
		--threshold 80ms --format json
	peer_run stdbuf -oL ping -c 150 -i 0.02 -W 5 "$HOST_IP" >"$out/ping" 3>&- 4>&- &
	pinger=$!
	wait_for 20 grep -q 'icmp_seq=20 ' "$out/ping"
	"$test_tools/stall" 200 "$(pidof ovs-vswitchd)" "$1" >"$out/stall"
	wait $pinger
	tool_stop s details
	upcalls_as_usual
	read -r from to <"$out/stall"
	read -r slow worst < <(sed -n 's/.*time=\([0-9]*\).*/\1/p' "$out/ping" | awk '
		$1 >= 100 { slow++ } $1 > worst { worst = $1 } END { print slow + 0, worst }')
}

# An emulated CPU may itself stand still at any time, for as long: nothing here
# depends on that it does not, but for single packets.
expect_stall() {
	# Packets that came then and had 110 ms and more to wait for its end.
	local held="[.[] | select(.type == \"record\") |
		. + {end: ((.time[0:19] + \"Z\" | fromdate) * 1e9 + (.time[20:29] | tonumber))} |
		select(.end - .total_ns >= $from and .end - .total_ns <= $to - 110e6)]"

	expect_that s '.[-1].directions | all(.completed == 150)'
	# One each 20 ms. None was answered before, and none hung elsewhere for as long.
	expect_that details "$held | length > 1 and all(.end >= $to - 10e6)"
	expect_that details "$held | (map(select(.slowest == \"upcall\")) | length) >= length - 1"
	expect_that details '[.[] | select(.type == "record" and .slowest == "upcall")] |
		length > 1 and all([.stages[] | select(.stage == "return").comm] | .[0] |
			test("^handler"))'
	# Both tools take their own times: at either mark one may be on the other side.
	expect_that details '[.[] | select(.type == "record").total_ns] as $all |
		($s[-1].rows | map(select(.total).over) | add) |
		. >= ([$all[] | select(. >= 120000000)] | length) - 1 and . <= ($all | length) + 1'
	expect_that s '[.[-1].rows[] | select(.from == "upcall").max_ns] | max |
		. >= 110000000 and . <= '"$worst"' * 1000000 + 2000000'
	# A ping has both ways in it.
	expect_that s "[.[-1].rows[] | select(.total).over] | add | . > 1 and . <= 2 * $slow"
	expect_that s '[.[-1].rows[] | select(.from != "upcall" and (.total | not)) |
		.p90_ns] | all(. < 50000000)'
	expect_sound s
	expect_met
	expect_json details latency.details
}

@test "a handler thread stopped for 200 ms: seen at the upcall, with its name" {
	warm_up
	stall_pings handler
	expect_stall
}

@test "ovs-vswitchd as a whole stopped for 200 ms" {
	warm_up
	stall_pings ""
	expect_stall
}

# OVS then gets a clone of each packet, and so does IP.
@test "packets are followed while tcpdump reads both devices" {
	local device

	warm_up
	for device in "$TOPO_PHY" "$TOPO_BRIDGE"; do
		tcpdump -U -n -i "$device" -w "$out/$device.pcap" 2>"$out/$device.log" \
			3>&- 4>&- &
		captures+=($!)
		wait_for 20 grep -q listening "$out/$device.log"
	done
	tool_start s "${latency[@]}" --interval 1h
	ping_host "$HOST_IP" 100
	tool_stop s
	expect_rows s rx 100
	expect_rows s tx 100
	expect_sound s
	expect_met
}

@test "a direction, an internal port, text and pictures" {
	warm_up
	tool_start rx "${latency[@]}" --direction rx --interval 1h
	tool_start tx "${latency[@]}" --direction tx --internal-interface "$TOPO_BRIDGE" \
		--interval 1h
	tool_start other "${latency[@]}" --internal-interface lo --interval 1h
	tool_start text latency summary --phy-interface "$TOPO_PHY" --interval 1h
	tool_start hist latency summary --phy-interface "$TOPO_PHY" --format hist --interval 1h
	ping_host "$HOST_IP" 50
	tool_stop rx tx other text hist
	expect_that rx '.[-1].rows | length == 6 and all(.direction == "rx" and .count == 50)'
	expect_that rx '.[-1].probes | map(.point) | index("net_dev_queue") == null'
	expect_that tx '.[-1].rows | length == 6 and all(.direction == "tx" and .count == 50)'
	expect_that other '.[-1] | .completed == 0 and .incomplete.rx_output == 50 and
		.started == 50'
	expect_met
	run grep -cE '^(rx|tx) +(total|[a-z]+ -> [a-z]+) +50 ' "$out/text.out"
	assert_output 12
	run grep -c ' distribution$' "$out/hist.out"
	assert_output 12
}

@test "without OVS there is a reason, and exit status 3" {
	sed -E 's/^(point (ovs|internal)[a-z_]* loaded=)1/\10/' \
		"tests/fixtures/kernel-$LAB_KERNEL.facts" >"$out/facts"
	run -3 "$VNETDIAG" "${latency[@]}" --dry-run --kernel-facts "$out/facts"
	assert_output --partial "'openvswitch' is not loaded"
}

@test "without OVS the path is the kernel's own: nic, ip, transport and back" {
	warm_up
	tool_start s latency summary --phy-interface plain0 --format json --interval 1h
	tool_start full latency summary --phy-interface "$TOPO_PHY,plain0" --via kernel \
		--format json --interval 1h
	peer_run ping -q -i 0.01 -W 5 -c 100 10.77.0.2 >/dev/null
	tool_stop s full
	expect_that s "$(rows rx) | map(.from + \" \" + .to) == [\"nic ip\", \"ip transport\", \"nic transport\"]"
	expect_that s "$(rows tx) | map(.from + \" \" + .to) == [\"ip qdisc\", \"qdisc driver\", \"ip driver\"]"
	for name in s full; do
		expect_that $name '.[-1].rows | all(.count == 100)'
		expect_sound $name
	done
	expect_met
}

@test "only the ends, and one packet of four" {
	warm_up
	tool_start ends "${latency[@]}" --stages ends --protocol icmp --interval 1h
	tool_start sample "${latency[@]}" --sample 4 --direction rx --interval 1h
	ping_host "$HOST_IP" 1000
	tool_stop ends sample
	expect_that ends '.[-1].rows | map(.from + " " + .to) ==
		["nic transport", "nic transport", "ip driver", "ip driver"] and all(.count == 1000)'
	# Six standard deviations are 82.
	expect_that sample '.[-1].directions[0] | .completed == .started and
		.started + .not_sampled == 1000 and .started > 168 and .started < 332'
	expect_sound ends
	expect_sound sample
	expect_met
}

# A bond in br-int, and one in the peer's namespace that sends by turns.
bond_up() {
	local i

	modprobe bonding max_bonds=0
	ip link add hostbond type bond mode balance-rr miimon 100
	ip -n peer link add peerbond type bond mode balance-rr miimon 100
	for i in 0 1; do
		ip link add uplink$i type veth peer name peerlink$i netns peer
		ip link set uplink$i master hostbond
		ip -n peer link set peerlink$i master peerbond
	done
	ip link set hostbond up
	ip -n peer link set peerbond up
	ip address add 10.78.0.2/24 dev "$TOPO_BRIDGE"
	ip -n peer address add 10.78.0.1/24 dev peerbond
	ovs-vsctl --timeout=20 add-port "$TOPO_BRIDGE" hostbond
}

bond_down() {
	ovs-vsctl --timeout=20 --if-exists del-port hostbond
	ip address delete 10.78.0.2/24 dev "$TOPO_BRIDGE"
	ip link delete hostbond
	ip link delete uplink0
	ip link delete uplink1
}

@test "the members of a bond are one uplink" {
	bond_up
	wait_for 20 peer_run ping -q -c 1 -W 1 10.78.0.2 >/dev/null
	tool_start both latency summary --phy-interface uplink0,uplink1 --format json \
		--protocol icmp --interval 1h
	tool_start one latency summary --phy-interface uplink0 --format json \
		--protocol icmp --interval 1h
	peer_run ping -q -i 0.01 -W 5 -c 100 10.78.0.2 >"$out/ping"
	tool_stop both one
	bond_down
	expect_rows both rx 100
	expect_rows both tx 100
	# The bonds take turns.
	expect_that one '.[-1].directions[0].completed as $rx | $rx > 10 and $rx < 90'
	expect_sound both
	expect_met
}
