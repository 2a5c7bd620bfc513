#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `tun summary` on each kernel, with taps whose reader is the test's: what goes
# in, what comes out, what is dropped, exactly; and a consumer that stands.
# (With a guest and vhost: latency_vm.bats.)

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	# All taps are listed: there is to be none but the test's.
	TOPO_KEEP='' topo_down
	mkdir -p "$TOPO_RUN"
	modprobe tun
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
}

teardown_file() {
	. tests/lab/topology.sh
	rm -rf "$TOPO_RUN"
}

setup() {
	common_setup
	. tests/lab/topology.sh
	summary=(tun summary --format json --interval 1h)
}

teardown() {
	tools_kill
	tap_down t0
	tap_down t1
}

# $1: name, $2: subnet 10.N.0.0/24, $3...: of tap_up. Slots of the ring: 64.
tap_make() {
	local name=$1 net=$2

	shift 2
	tap_up "$name" "$@"
	ip link set "$name" txqueuelen 64
	ip address add "10.$net.0.1/24" dev "$name"
	ip neighbour add "10.$net.0.2" lladdr 02:00:00:00:00:02 dev "$name"
}

# $1: subnet, $2: how many. Each is a flow of its own, and no process is started.
send_to() {
	local n

	for ((n = 0; n < $2; n++)); do echo >"/dev/udp/10.$1.0.2/9"; done
}

# Whether the reader of $1, asked to read on, has read $2 packets in all.
have_read() {
	tap_read "$1"
	[[ $(<"$TOPO_RUN/tap.$1.state") == "read $2" ]]
}

# $1: how many more to t0, no more at once than its ring takes.
send_slowly() {
	local n

	for ((n = 0; n < $1; n += 50)); do
		send_to 79 50
		sent=$((sent + 50))
		wait_for 20 have_read t0 "$sent"
	done
}

# $1: name; prints two numbers
statistics() {
	echo "$(<"/sys/class/net/$1/statistics/tx_packets")" \
		"$(<"/sys/class/net/$1/statistics/tx_dropped")"
}

# jq: the row of a queue in the last report
row() { printf '(.[-1].rows | map(select(.device == "%s" and .queue == %s))[0])' "$1" "$2"; }

# Of any report without losses: rows are sound in themselves.
expect_sound() {
	expect_that "$1" 'all(.[]; .complete and .rings_unread == 0) and all(.[].rows[];
		.depth <= .depth_max and .depth_max <= .size and .used_percent <= 100 and
		.producer < .size and .consumer_head < .size and .consumer_tail < .size and
		([.histogram[].count] | add // 0) == .produced + .drops + .other_drops)'
}

@test "as many in as out; a reader that stops: full, and every drop" {
	local packets dropped sent=0

	tap_make t0 79
	tap_make t1 80
	tap_read t0
	tool_start all "${summary[@]}" --stalled-after 1us
	send_slowly 100
	tap_hold t0
	tool_start stalled "${summary[@]}" --device t0 --stalled-after 1us
	send_to 79 100
	tool_stop stalled
	tool_start later "${summary[@]}" --device t0,t1 --stalled-after 1h
	send_to 79 7
	# It answers when it has read what was there.
	tap_read t0
	tool_stop later all
	read -r packets dropped < <(statistics t0)
	# A few slots may still be the consumer's; they are not free.
	expect_that stalled "$(row t0 0) | .state == \"stalled\" and .used_percent == 100 and
		.depth > 48 and .depth == .produced and .consumed == 0 and
		.drops == 100 - .produced and .full_events == .drops and .other_drops == 0 and
		.depth_max == .depth and .consumer_idle_ns > 0 and .producer == .consumer_tail"
	expect_that later "$(row t0 0) | .state == \"full\" and .full_events == 7 and
		.drops == 7 and .produced == 0 and .depth == 0 and .consumed > 48"
	# A tap without traffic is shown, and nothing is said to be wrong with it.
	expect_that later "$(row t1 0) | .state == \"idle\" and .size == 64 and .depth == 0 and
		.produced == 0 and .depth_p50 == null"
	expect_that all ".[-1].queues == 2 and ($(row t0 0) | .produced == $packets and
		.produced == .consumed and .drops == $dropped and
		.consumed == $(cut -d' ' -f2 "$TOPO_RUN/tap.t0.state"))"
	expect_that stalled '.[-1].rows | length == 1'
	for name in stalled later all; do expect_sound $name; done
	expect_met
	expect_json all tun.summary
	((dropped > 40 && packets + dropped == 207))
}

@test "four queues, one with a reader that stands: only that one is flagged" {
	local packets dropped

	tap_make t0 79 --queues 4
	tap_part t0
	tool_start s "${summary[@]}" --stalled-after 1us
	# No more at once than one ring takes: a reader at work never lets one fill.
	for _ in {1..7}; do
		send_to 79 60
		tap_part t0
	done
	tool_stop s
	read -r packets dropped < <(statistics t0)
	expect_that s '.[-1] | .queues == 4 and .queues_stalled == 1 and (.rows | length == 4)'
	expect_that s "$(row t0 0) | .state == \"stalled\" and .depth == 64 and
		.used_percent == 100 and .consumed == 0 and .produced == 64 and
		.drops == $dropped and .full_events == $dropped"
	expect_that s '.[-1].rows[0].queue == 0 and (.[-1].rows[1:] | all(.depth == 0 and
		.drops == 0 and .produced == .consumed and .state != "stalled") and
		any(.state == "flowing"))'
	# The device counts a packet as sent when it is read.
	expect_that s "[.[-1].rows[] | .consumed] | add == $packets"
	expect_sound s
	expect_met
	((dropped > 0 && packets + dropped == 420 - 64))
}

@test "two copies of the counts: no packet is lost between intervals" {
	local sent=0

	tap_make t0 79
	tap_read t0
	tool_start s tun summary --format json --interval 50ms --device t0
	send_slowly 200
	tool_stop s
	expect_that s '([.[].rows[].produced] | add) == 200 and
		([.[].rows[].consumed] | add) == 200 and ([.[].rows[].drops] | add) == 0 and
		length > 3 and any(.[].rows[]; .state == "flowing")'
	expect_met
	expect_json s tun.summary
}

@test "a VLAN tag beside the bytes: its packet is copied in two parts, and counted once" {
	tap_make t0 79
	tap_read t0
	ip link add link t0 name t0.5 type vlan id 5
	ip address add 10.81.0.1/24 dev t0.5
	ip link set t0.5 up
	ip neighbour add 10.81.0.2 lladdr 02:00:00:00:00:02 dev t0.5
	tool_start s "${summary[@]}" --device t0
	send_to 81 30
	wait_for 20 have_read t0 30
	tool_stop s
	expect_that s "$(row t0 0) | .produced == 30 and .consumed == 30"
	expect_met
}

@test "records of packets at a full ring, and of every packet" {
	tap_make t0 79
	tool_start full tun details --format json --device t0 --stack
	tool_start all tun details --format json --all --rate-limit 1000000
	tool_start port tun details --format json --all --dst-port 10
	tool_start few tun details --limit 3 --perf-buffer
	"$send" --socket --src 10.79.0.1 --dst 10.79.0.2 --udp 4000:9 --count 71 >/dev/null
	"$send" --socket --src 10.79.0.1 --dst 10.79.0.2 --udp 4000:10 --count 2 >/dev/null
	tool_end few
	((tool_status == 0))
	tool_stop full all port
	expect_that full 'map(select(.type == "record")) | length == 9 and all(.device == "t0" and
		.queue == 0 and .full and .size == 64 and .depth == 64 and .producer == 0 and
		.consumer_head == 0 and .consumer_tail == 0 and .flow.src == "10.79.0.1" and
		.flow.src_port == 4000 and .flow.protocol == "udp" and .pid > 0)'
	expect_that full 'map(select(.type == "record")) | all(.stack | map(.symbol) |
		any(. == "dev_hard_start_xmit") and any(. == "udp_sendmsg")) and
		(map(.flow.dst_port) == [9, 9, 9, 9, 9, 9, 9, 10, 10])'
	# Each finds those in the ring that came before it.
	expect_that all 'map(select(.type == "record")) | length == 73 and
		(map(.depth) == [range(64), (range(9) | 64)]) and
		(map(.producer) == [range(64), (range(9) | 0)]) and
		(map(.full) == [(range(64) | false), (range(9) | true)])'
	expect_that port 'map(select(.type == "record")) | length == 2 and
		all(.flow.dst_port == 10 and .full and .stack == null)'
	for name in full all port; do expect_that $name '.[-1].complete'; done
	expect_met
	expect_json full tun.details
	run cat "$out/few.out"
	assert_equal "$(grep -c ' device=t0 queue=0 full=yes size=64 depth=64 producer=0 head=0 ' \
		"$out/few.out")" 3
	assert_line --partial 'Flow: 10.79.0.1:4000 -> 10.79.0.2:9 (UDP)'
}

@test "text, a picture; what is no tap, and no tap at all" {
	run -0 "$VNETDIAG" tun summary --count 1 --interval 10ms
	assert_line 'No queues: no tap is open here'
	run -2 --separate-stderr "$VNETDIAG" tun summary --device lo
	assert_equal "$stderr" "vnetdiag: error: option '--device': 'lo' is no tap or tun device
hint: 'ip -d link show type tun' lists them"
	tap_make t0 79
	tool_start text tun summary --interval 1h --stalled-after 1us
	tool_start hist tun summary --interval 1h --format hist
	send_to 79 70
	tool_stop text hist
	run cat "$out/text.out"
	assert_line --regexp '^t0 +0 +stalled +64 +64 +64 +100 +64 +0 +[0-9]+ +0 +6 +6 +0 +[0-9.]+ '
	assert_line 'Stalled: 1'
	run cat "$out/hist.out"
	assert_line --regexp '^ +value +: count +distribution'
	assert_line --regexp '^ +count 70  min 0  mean 34 .* max 64$'
}
