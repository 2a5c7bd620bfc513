#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `latency qdisc` on each kernel: delays and backlogs that were put there, exact
# counts of what was delivered, dropped, bypassed, segmented or still waits.

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	modprobe -a sch_netem sch_tbf 8021q dummy
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	qdisc=(latency qdisc --format json --interval 1h)
	records=(latency qdisc --format json)
}

teardown() {
	tools_kill
	! was_called tc || tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	! was_called ethtool || ethtool -K "$TOPO_PHY" tx-tcp-segmentation on >/dev/null
	[[ ! -e /sys/class/net/q0 ]] || ip link delete q0
	tap_down t0
}

# Neither asks ovs-vswitchd afterwards.
warm_up() {
	peer_run ping -q -c 2 -i 0.1 -W 5 "$HOST_IP" >/dev/null
	peer_run ping -q -c 2 -i 0.1 -W 5 "$HOST_IP6" >/dev/null
}

# $1: how many, $2: SPORT:DPORT, more options of tests/tools/send
send_udp() {
	local count=$1 ports=$2

	shift 2
	"$send" --socket --src "$HOST_IP" --dst "$PEER_IP" --udp "$ports" \
		--count "$count" "$@" >/dev/null
}

# A pair q0 - q1 without anybody else, 10.77.0.1 -> 10.77.0.2; $1...: of ip link
pair_up() {
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip link add q0 "$@" type veth peer name q1
	ip address add 10.77.0.1/24 dev q0
	ip link set q0 up
	ip link set q1 up
	ip neighbour add 10.77.0.2 lladdr 02:00:00:00:00:02 dev q0
}

statistics() { cat "/sys/class/net/$1/statistics/tx_packets"; }

# What holds for any report of a run without losses: every packet is accounted
# for, in each row and in all, and no percentile is out of order.
expect_sound() { # NAME
	local -
	set +T
	expect_that "$1" 'all(.[]; .complete)'
	expect_that "$1" '. as $all | [range(length) as $i | $all[$i] |
		.started + (if $i > 0 then $all[$i - 1].waiting else 0 end) ==
		.completed + .dropped + .segmented + .incomplete + .waiting] | all'
	expect_that "$1" 'all(.[]; ([.rows[].started] | add // 0) == .started and
		([.rows[].count] | add // 0) == .completed and
		([.rows[].dropped] | add // 0) == .dropped and
		([.rows[].waiting] | add // 0) == .waiting)'
	expect_that "$1" 'all(.[].rows[] | select(.count > 0); .min_ns <= .p50_ns and
		.p50_ns <= .p90_ns and .p90_ns <= .p95_ns and .p95_ns <= .p99_ns and
		.p99_ns <= .p999_ns and .p999_ns <= .max_ns and .min_ns <= .mean_ns and
		.mean_ns <= .max_ns and ([.histogram[].count] | add) == .count)'
}

# Median of the round trips of $1 pings from the peer, in us: that of most does not
# depend on whether an emulated CPU stood still during one.
round_trip() {
	peer_run ping -i 0.02 -W 10 -c "$1" "$HOST_IP" |
		sed -n 's|.* time=\([0-9.]*\) ms$|\1|p' | sort -n |
		awk -v n="$1" 'NR == int((n + 1) / 2) { printf "%d\n", $1 * 1000 }'
}

@test "netem 5 ms: the delay, as ping sees it, and every packet" {
	local without with

	warm_up
	without=$(round_trip 100)
	tc qdisc replace dev "$TOPO_PHY" root handle 5: netem delay 5ms
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY" --over 4ms
	with=$(round_trip 100)
	tool_stop s
	expect_that s '.[-1].rows | length == 1 and (.[0] | .count == 100 and .over == 100 and
		.kind == "netem" and .handle == "5:" and .queue == 0 and .bypassed == 0 and
		.min_ns >= 5000000)'
	expect_that s ".[-1].rows[0] | .device == \"$TOPO_PHY\" and
		.ifindex == $(<"/sys/class/net/$TOPO_PHY/ifindex") and
		.netns == $(stat -Lc %i /proc/self/ns/net)"
	# What the queue adds is in what ping waits, and most of what it waits longer.
	expect_that s ".[-1].rows[0].p50_ns / 1000 | . <= $with * 1.0625 and
		. >= ($with - $without) * 0.8"
	expect_sound s
	expect_met
	expect_json s latency.qdisc
}

# jq: records as {in, out, backlog}, in seconds
stays='map(select(.type == "record") | ((.time[0:19] + "Z" | fromdate) +
	("0" + .time[19:29] | tonumber)) as $out | {$out, in: ($out - .sojourn_ns / 1e9), backlog})'

@test "tbf: each waits for those that it found there, none is faster than the rate" {
	warm_up
	# 1042 bytes each on the wire: 8.336 ms at 1 Mbit/s; 4.8 of them go at once.
	tc qdisc replace dev "$TOPO_PHY" root tbf rate 1mbit burst 5000 limit 100000
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY" --protocol udp
	tool_start r "${records[@]}" --device "$TOPO_PHY" --dst-port 7402 --threshold 1us
	tool_start over "${records[@]}" --device "$TOPO_PHY" --dst-port 7402 --threshold 200ms
	send_udp 50 4000:7402 --size 1000 --comm 746266617374
	wait_for 20 queues_are_empty "$TOPO_PHY"
	tool_stop s r over
	expect_that s '.[-1].rows[0] | .kind == "tbf" and .count == 50 and .bypassed == 0 and
		.backlog_max >= 20 and .max_ns / 8336000 > .backlog_max - 2'
	# Behind a packet's arrival those leave that it found, but for one under way. An
	# emulated CPU that stands still makes all wait longer: this holds all the same.
	expect_that r "$stays | . as \$all | length == 50 and all(.[]; . as \$p |
		([\$all[] | select(.in < \$p.in and .out > \$p.in)] | length) - .backlog |
		. >= -1 and . <= 1)"
	expect_that r "$stays | map(.out) | . == sort and last - first >= 0.376 - 0.003"
	# Not compared with what `r` has: each takes its own times, and an emulated CPU
	# may stand still between the two. Exactly which: "two devices".
	expect_that over 'map(select(.type == "record")) | length > 5 and
		all(.sojourn_ns > 200000000)'
	expect_that over '.[-1] | .over == .records and .started == 50 and .completed == 50'
	expect_that r 'map(select(.type == "record")) | all(.kind == "tbf" and .handle != null and
		.queue == 0 and .bypassed == false and .comm == "tbfast" and .pid > 0 and
		.tid == .pid and .cpu < 2 and .driver_cpu < 2 and .len == 1042)'
	expect_that r "map(select(.type == \"record\")) | all(.device == \"$TOPO_PHY\" and
		.flow.src == \"$HOST_IP\" and .flow.dst == \"$PEER_IP\" and
		.flow.src_port == 4000 and .flow.dst_port == 7402 and .flow.protocol == \"udp\")"
	expect_that r '.[-1] | .type == "end" and .started == 50 and .completed == 50 and
		.over == 50 and .records == 50 and .dropped == 0 and .complete'
	expect_sound s
	expect_met
	expect_json over latency.qdisc
}

@test "a queue too short: what it drops is counted, exactly" {
	local dropped

	pair_up
	tc qdisc replace dev q0 root netem limit 10 delay 3s
	tool_start s "${qdisc[@]}" --device q0
	tool_start udp "${qdisc[@]}" --device q0 --protocol udp
	send_udp 60 4000:7403 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 queues_are_empty q0
	dropped=$(tc -s -j qdisc show dev q0 | jq '.[0].drops')
	tool_stop s udp
	((dropped >= 40))
	for name in s udp; do
		expect_that $name ".[-1] | .started == 60 and .dropped == $dropped and
			.completed == 60 - $dropped and .incomplete == 0 and .waiting == 0"
		expect_sound $name
	done
	expect_that s '.[-1].not_followed == 0 and .[-1].rows[0].backlog_max == 10'
	expect_that udp '.[-1].not_followed == null'
	expect_met
}

@test "what still waits: at the end incomplete, before waiting" {
	pair_up
	tc qdisc replace dev q0 root netem limit 5 delay 50s
	tool_start s "${records[@]}" --device q0 --interval 1500ms
	send_udp 7 4000:7404 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 eval "grep -q '\"waiting\":5' '$out/s.out'"
	tool_stop s
	expect_that s '([.[].started] | add) == 7 and ([.[].dropped] | add) == 2 and
		.[-1].incomplete == 5 and .[-1].waiting == 0 and ([.[].completed] | add) == 0'
	expect_sound s
	expect_met
}

@test "packets under way at the end of an interval are counted once" {
	pair_up
	# Longer than an interval: at its end they are under way.
	tc qdisc replace dev q0 root netem delay 100ms
	tool_start s "${records[@]}" --device q0 --interval 50ms
	for _ in 1 2 3 4 5 6 7 8; do
		send_udp 50 4000:7405 --src 10.77.0.1 --dst 10.77.0.2
	done
	wait_for 20 queues_are_empty q0
	wait_for 20 has_lines s 4
	tool_stop s
	expect_that s 'length > 3 and ([.[].started] | add) == 400 and
		([.[].completed] | add) == 400 and ([.[].waiting] | max) > 0'
	expect_sound s
	expect_met
}

@test "what passes an empty queue, and what has none, is told apart" {
	pair_up
	tc qdisc replace dev q0 root fq_codel
	tool_start s "${qdisc[@]}" --device "q0,$TOPO_BRIDGE" --protocol udp
	send_udp 40 4000:7406 --src 10.77.0.1 --dst 10.77.0.2
	send_udp 30 4000:7406
	tool_stop s
	expect_that s '.[-1].rows | map(select(.device == "q0"))[0] | .kind == "fq_codel" and
		.count == 40 and .bypassed == 40 and .backlog_max == 0'
	expect_that s ".[-1].rows | map(select(.device == \"$TOPO_BRIDGE\"))[0] |
		.kind == \"noqueue\" and .count == 30 and .bypassed == 30 and
		.backlog_max == null"
	expect_sound s
	expect_met
}

# A queue with a lock of its own for each CPU keeps no length.
@test "pfifo_fast: no backlog is made up" {
	pair_up
	tc qdisc replace dev q0 root pfifo_fast
	tool_start s "${qdisc[@]}" --device q0
	send_udp 40 4000:7407 --src 10.77.0.1 --dst 10.77.0.2
	tool_stop s
	expect_that s '.[-1].rows[0] | .kind == "pfifo_fast" and .count == 40 and
		.backlog_max == null and .backlog_mean == null'
	expect_sound s
	expect_met
}

@test "two devices, filters, IPv6: each shows its own and no other" {
	local name

	warm_up
	pair_up
	tc qdisc replace dev "$TOPO_PHY" root netem delay 5ms
	tc qdisc replace dev q0 root netem delay 3s
	tool_start both "${qdisc[@]}" --device "$TOPO_PHY,q0" --protocol udp --over 1500ms
	tool_start late "${records[@]}" --device "$TOPO_PHY,q0" --protocol udp --threshold 1500ms
	tool_start port "${qdisc[@]}" --device "$TOPO_PHY" --dst-port 7411
	tool_start six "${qdisc[@]}" --device "$TOPO_PHY" --dst-ip fd09::/64 --protocol udp
	tool_start none "${qdisc[@]}" --device "$TOPO_PHY" --dst-port 7499
	tool_start r "${records[@]}" --device "$TOPO_PHY" --dst-ip "$PEER_IP6" --threshold 1ms
	send_udp 30 4000:7411
	send_udp 20 4000:7412
	send_udp 15 4000:7413 --src "$HOST_IP6" --dst "$PEER_IP6"
	send_udp 25 4000:7414 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 queues_are_empty q0
	wait_for 20 queues_are_empty "$TOPO_PHY"
	tool_stop both port six none r late
	expect_that both ".[-1].rows | map([.device, .count]) | sort ==
		([[\"$TOPO_PHY\", 65], [\"q0\", 25]] | sort)"
	expect_that both '.[-1].rows | map(select(.device == "q0"))[0] | .min_ns >= 3000000000 and
		.p50_ns < 3500000000'
	# First where they waited longest in all: 25 * 3 s against 65 * 5 ms.
	expect_that both '.[-1].rows[0].device == "q0"'
	# Exactly those above the threshold, which is far from either delay.
	expect_that both '.[-1].over == 25 and (.[-1].rows | map(.over) == [25, 0])'
	expect_that late 'map(select(.type == "record")) | length == 25 and
		all(.device == "q0" and .flow.dst_port == 7414 and .sojourn_ns >= 3000000000) and
		(map(.ip_id) | unique | length) == 25'
	expect_that late '.[-1] | .started == 90 and .completed == 90 and .over == 25'
	expect_that port '.[-1].completed == 30 and .[-1].started == 30'
	expect_that six '.[-1].completed == 15 and .[-1].started == 15'
	expect_that none '.[-1] | .rows == [] and .started == 0'
	expect_that r "map(select(.type == \"record\" and .flow.dst_port == 7413)) | length == 15 and
		all(.flow.src == \"$HOST_IP6\" and .flow.dst == \"$PEER_IP6\" and
		    .sojourn_ns >= 5000000)"
	expect_that r "map(select(.type == \"record\")) | all(.flow.dst == \"$PEER_IP6\")"
	for name in both port six none; do expect_sound $name; done
	expect_met
}

@test "a VLAN device, and the device below it: a row each" {
	pair_up
	ip link add q0.5 link q0 type vlan id 5
	ip address add 10.78.0.1/24 dev q0.5
	ip link set q0.5 up
	ip neighbour add 10.78.0.2 lladdr 02:00:00:00:00:02 dev q0.5
	tc qdisc replace dev q0.5 root netem delay 10ms
	tc qdisc replace dev q0 root netem delay 5ms
	tool_start s "${qdisc[@]}" --device q0,q0.5
	tool_start vlan "${qdisc[@]}" --device q0,q0.5 --vlan 5
	send_udp 20 4000:7415 --src 10.78.0.1 --dst 10.78.0.2
	send_udp 10 4000:7415 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 queues_are_empty q0.5
	wait_for 20 queues_are_empty q0
	tool_stop s vlan
	expect_that s '.[-1].rows | map([.device, .count]) | sort == [["q0", 30], ["q0.5", 20]]'
	expect_that s '.[-1].rows | map(select(.device == "q0.5"))[0] | .min_ns >= 10000000'
	# The tag is put on by the VLAN device: above it there is none.
	expect_that vlan '.[-1].rows | map([.device, .count]) == [["q0", 20]]'
	expect_sound s
	expect_sound vlan
	expect_met
}

@test "the queues of a tap: a row each, in all what the device sent" {
	local before after

	tap_up t0 --queues 4
	tap_read t0
	sysctl -qw net.ipv6.conf.t0.disable_ipv6=1
	ip address add 10.79.0.1/24 dev t0
	ip neighbour add 10.79.0.2 lladdr 02:00:00:00:00:02 dev t0
	tc qdisc replace dev t0 root handle 1: mq
	for number in 1 2 3 4; do
		tc qdisc replace dev t0 parent "1:$number" handle "2$number:" pfifo limit 1000
	done
	tool_start s "${qdisc[@]}" --device t0
	before=$(statistics t0)
	for port in {1..40}; do
		printf '%s\n' --then --count 5 --udp "$((4000 + port)):7420"
	done >"$out/words"
	mapfile -t words <"$out/words"
	"$send" --socket --src 10.79.0.1 --dst 10.79.0.2 "${words[@]}" >/dev/null
	wait_for 20 queues_are_empty t0
	after=$(statistics t0)
	tool_stop s
	((after - before == 200))
	expect_that s '.[-1].completed == 200 and (.[-1].rows | length > 1 and all(.queue < 4 and
		.kind == "pfifo" and .handle == "2\(.queue + 1):"))'
	expect_sound s
	expect_met
}

# $1: bytes from the host to the peer by TCP
send_tcp() {
	peer_run "$tcp" listen 7430 "$out/bytes"
	"$tcp" send "$PEER_IP" 7430 "$1"
	wait_for 20 test -e "$out/bytes"
	assert_equal "$(<"$out/bytes")" "$1"
	rm "$out/bytes"
}

@test "TCP: whole if the driver segments, else counted as segmented" {
	local before after

	warm_up
	tc qdisc replace dev "$TOPO_PHY" root netem delay 1ms
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY"
	before=$(statistics "$TOPO_PHY")
	send_tcp 2000000
	after=$(statistics "$TOPO_PHY")
	tool_stop s
	expect_that s ".[-1] | .completed == $after - $before and .segmented == 0 and
		.not_followed == 0 and .dropped == 0 and .completed > 20"
	ethtool -K "$TOPO_PHY" tx-tcp-segmentation off >/dev/null
	tool_start soft "${qdisc[@]}" --device "$TOPO_PHY"
	before=$(statistics "$TOPO_PHY")
	send_tcp 2000000
	after=$(statistics "$TOPO_PHY")
	tool_stop soft
	expect_that soft ".[-1] | .completed + .not_followed == $after - $before and
		.segmented > 10 and .not_followed > 1000 and .incomplete == 0"
	# No segment is taken for a packet that waited.
	expect_that soft '.[-1].rows[0] | .count > 0 and .min_ns >= 1000000 and
		.max_ns < 1000000000'
	expect_sound s
	expect_sound soft
	expect_met
}

# Here the segments are made when the packet comes, and wait in its place.
@test "a tbf whose burst is less than a packet segments it" {
	warm_up
	tc qdisc replace dev "$TOPO_PHY" root tbf rate 20mbit burst 3000 limit 1000000
	tool_start s "${qdisc[@]}" --device "$TOPO_PHY"
	send_tcp 300000
	wait_for 20 queues_are_empty "$TOPO_PHY"
	tool_stop s
	expect_that s '.[-1] | .segmented > 0 and .not_followed > .segmented and .incomplete == 0'
	expect_sound s
	expect_met
}

@test "more packets than there is room for are a loss that is told" {
	pair_up
	tc qdisc replace dev q0 root netem delay 50s
	tool_start s "${qdisc[@]}" --device q0 --max-entries 8
	send_udp 50 4000:7440 --src 10.77.0.1 --dst 10.77.0.2
	tool_stop s
	expect_that s '.[-1] | .started == 8 and .losses.map_full == 42 and (.complete | not)'
	expect_met
}

@test "limits of records: an end, and a rate with a count" {
	pair_up
	tc qdisc replace dev q0 root netem delay 5ms
	tool_start few "${records[@]}" --device q0 --threshold 1ms --limit 5
	tool_start slow "${records[@]}" --device q0 --threshold 1ms --rate-limit 1
	tool_start high "${records[@]}" --device q0 --threshold 10s
	send_udp 50 4000:7441 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 queues_are_empty q0
	tool_end few
	((tool_status == 0))
	tool_stop slow high
	expect_that few 'map(select(.type == "record")) | length == 5'
	expect_that slow '.[-1] | .over == 50 and .records + .losses.suppressed == 50 and
		.records >= 1 and .records <= 10'
	expect_that high '.[-1] | .started == 50 and .completed == 50 and .over == 0 and
		.records == 0'
	expect_met
	expect_json slow latency.qdisc
}

@test "text and pictures" {
	pair_up
	tc qdisc replace dev q0 root handle 7: netem delay 5ms
	tool_start text latency qdisc --device q0 --interval 1h
	tool_start hist latency qdisc --device q0 --interval 1h --format hist
	tool_start records latency qdisc --device q0 --threshold 1ms
	send_udp 9 4000:7442 --src 10.77.0.1 --dst 10.77.0.2
	wait_for 20 queues_are_empty q0
	tool_stop text hist records
	run cat "$out/text.out"
	assert_line --regexp '^q0 +0 +netem +7: +9 +[0-9.]+ ms '
	assert_line --regexp '^q0 +0 +9 +9 +0 +0 +0 +0 +0 +0 +- +[0-9]+ +[0-9]+$'
	assert_line 'Losses: none'
	run cat "$out/hist.out"
	assert_line --partial ' distribution'
	assert_line --regexp '^ +count 9  min '
	run cat "$out/records.out"
	assert_line --regexp 'device=q0 queue=0 qdisc=netem handle=7: sojourn=[0-9.]+ ms .*len='
	assert_line --partial 'Flow: 10.77.0.1:4000 -> 10.77.0.2:7442 (UDP)'
	assert_line 'Records: 9'
}
