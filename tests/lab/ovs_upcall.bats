#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `ovs upcall` on each kernel: as many upcalls as packets that need one, each
# with its outcome, a stall in the part where it was and under its thread's
# name, and as many lost as the datapath says.
# shellcheck disable=SC2016,SC2154 # jq's variables; those of common

bats_require_minimum_version 1.5.0
load ../lib/common
load latency

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	upcalls_always
}

# The last test ends ovs-vswitchd: nobody can use this topology again.
teardown_file() {
	. tests/lab/topology.sh
	TOPO_KEEP='' topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	upcall=(ovs upcall summary --format json --interval 1h)
	details=(ovs upcall details --format json)
	vswitchd_pid=/var/run/openvswitch/ovs-vswitchd.pid
	missed=$(datapath missed)
	stall=
}

teardown() {
	tools_kill
	[[ -z $stall ]] || {
		echo >&"$go_fd"
		wait "$stall" || :
	}
	ovs-ofctl del-flows "$TOPO_BRIDGE" cookie=0x7e57/-1 2>/dev/null || :
}

# A number of the datapath's own: missed or lost
datapath() { ovs-dpctl show | sed -n "s/.*[ :]$1:\([0-9]*\).*/\1/p"; }

flow_add() { ovs-ofctl add-flow "$TOPO_BRIDGE" "cookie=0x7e57,priority=99,$1"; }

# send COUNT FLOWS DPORT OPTION...: frames from the peer, each unlike the others
send() {
	local count=$1 flows=$2 port=$3

	shift 3
	"$send" --netns peer --device peer0 --to-mac "$TOPO_MAC:02" \
		--src "$PEER_IP" --dst "$HOST_IP" --udp "1000:$port" --count "$count" \
		--flows "$flows" "$@" >/dev/null
}

# Handlers stand still until handlers_go, which sets held, or for $1 ms at most.
handlers_hold() {
	rm -f "$out/go"
	mkfifo "$out/go"
	exec {go_fd}<>"$out/go"
	"$test_tools/stall" "${1:-60000}" "$(pidof ovs-vswitchd)" handler --hold \
		<"$out/go" >"$out/stall" 3>&- 4>&- &
	stall=$!
	wait_for 30 grep -q stopped "$out/stall"
}

handlers_go() {
	echo >&"$go_fd"
	handlers_wait
}

handlers_wait() {
	local from to

	wait "$stall"
	stall=
	exec {go_fd}>&-
	read -r from to < <(tail -n 1 "$out/stall")
	held=$((to - from))
}

# What holds for any report: each upcall and message has one outcome, the parts
# add up to the total, handlers are in order.
expect_sound() { # NAME
	expect_that "$1" "all(.[]; $whole)"
	expect_that "$1" 'misses as $misses | . as $all | [range(length) as $i | $all[$i] |
		((if $i > 0 then $all[$i - 1].waiting else 0 end) + .messages) as $made |
		.returned + .no_return + .discarded + .not_followed + .waiting |
		short($made; $misses)] | all'
	expect_that "$1" '[.[] | .rows as $rows | .parts as $parts | range($rows | length) as $i |
		$rows[$i] as $row | $parts[3 * $i:3 * $i + 3] |
		map(.part) == ["queue", "user", "return"] and
		all(.[]; .count == $row.returned - $row.ambiguous) and
		(if .[0].count > 0 then (map(.mean_ns) | add) as $sum |
		 $row.mean_ns >= $sum and $row.mean_ns <= $sum + 3 else $row.p99_ns == null end)] | all'
	expect_that "$1" 'all(.[].rows[]; [.handlers[].max_ns] as $max |
		($max | sort | reverse) == $max and ($max[0] == .max_ns))'
	expect_that "$1" 'all(.[].rows[] | select(.p99_ns != null); .min_ns <= .p50_ns and
		.p50_ns <= .p90_ns and .p90_ns <= .p95_ns and .p95_ns <= .p99_ns and
		.p99_ns <= .p999_ns and .p999_ns <= .max_ns and .min_ns <= .mean_ns and
		.mean_ns <= .max_ns and ([.histogram[].count] | add) == .returned - .ambiguous)'
}

# Nothing is in the sockets, and then each handler waits for more: in poll(2), or in
# restart_syscall(2), which is the same after a stop.
handlers_idle() {
	local protocol rmem task comm call

	while read -r _ protocol _ _ rmem _; do
		[[ $protocol != 16 || $rmem == 0 ]] || return
	done </proc/net/netlink
	for task in /proc/"$(<"$vswitchd_pid")"/task/*; do
		# Not $(<file): if the thread ends meanwhile, that ends the test.
		{ read -r comm <"$task/comm" && read -r call <"$task/syscall"; } 2>/dev/null ||
			continue
		[[ $comm != handler* || $call =~ ^(7|219)\  ]] || return
	done
}

# $1: how many packets have looked for a flow in vain since the test began.
upcalls_made() { (($(datapath missed) - missed >= $1)); }

# Until $1 upcalls are made, and all are answered.
settle() {
	wait_for 20 upcalls_made "$1"
	wait_for 20 handlers_idle || {
		cat /proc/net/netlink
		grep -H . /proc/"$(<"$vswitchd_pid")"/task/*/{comm,syscall,wchan}
		return 1
	} >&2
}

@test "200 packets of 200 flows: 200 upcalls that return, by port, flow, handler" {
	tool_start all "${upcall[@]}" --by port,flow,cause --top 0
	tool_start vlan "${upcall[@]}" --by handler --vlan 123
	tool_start details "${details[@]}" --device "$TOPO_BRIDGE" --protocol udp
	missed=$(datapath missed)
	send 200 200 7301
	send_udp "$HOST_IP" "$PEER_IP" 1 1000:7302
	send_udp "$PEER_IP6" "$HOST_IP6" 1 1000:7303 --netns peer
	send 9 9 7304 --vlan 123
	settle 211
	wait_for 1 traffic_settled || :
	missed=$(($(datapath missed) - missed))
	tool_stop all vlan details
	((missed >= 211))
	expect_that all "misses as \$misses | .[-1] | .count == $missed and .lost == 0 and
		(.returned | short($missed; \$misses)) and .no_return == 0 and
		(.rows | map(.count) | add) == $missed and .other_packets <= \$misses"
	expect_that all "misses as \$misses | [.[-1].rows[] | select(.by.flow.dst_port == 7301)] |
		length == 200 and ([.[].by.flow.src_port] | sort) == [range(1000; 1200)] and
		(map(.returned) | add | short(200; \$misses)) and
		all(.count == 1 and .returned <= 1 and .cause == \"miss\" and
			.by.port == \"$TOPO_PHY\" and .by.port_number > 0 and
			.by.datapath_ifindex > 0)"
	expect_that vlan 'misses as $misses | .[-1] | .count == 9 and
		(.returned | short(9; $misses)) and ([.rows[].count] | add) == 9 and
		([.rows[].returned] | add) == .returned and
		all(.rows[]; .by as $by | ($by.comm | test("^handler")) and .count == .read and
			(.handlers | map({comm, tid}) == [$by]))'
	expect_that details 'map(select(.type == "record")) |
		length == 1 and .[0].flow.dst_port == 7302 and .[0].cause == "miss" and
		.[0].total_ns == (.[0] | .queue_ns + .user_ns + .return_ns) and
		(.[0].comm | test("^handler"))'
	for name in all vlan; do expect_sound $name; done
	expect_met
	expect_json all ovs.upcall.summary
	expect_json vlan ovs.upcall.summary
	expect_json details ovs.upcall.details
}

# Pings at a stop of the handlers of 200 ms; $1 and $2: names of the tools.
stall_pings() {
	local pinger

	tool_start "$1" "${upcall[@]}" --protocol icmp --by port
	tool_start "$2" "${details[@]}" --protocol icmp --threshold 120ms,queue=120ms
	ip netns exec peer stdbuf -oL ping -c 2000 -i 0.02 -W 5 "$HOST_IP" >"$out/ping" \
		3>&- 4>&- &
	pinger=$!
	wait_for 20 grep -q 'icmp_seq=10 ' "$out/ping"
	handlers_hold 200
	handlers_wait
	kill -INT $pinger
	wait $pinger || :
	settle 20
	tool_stop "$1" "$2"
	pings=$(sed -n 's/ packets transmitted.*//p' "$out/ping")
	worst=$(sed -n 's/.*time=\([0-9]*\).*/\1/p' "$out/ping" | sort -n | tail -n 1)
}

@test "handlers stopped for 200 ms: in the part queue, with the thread's name" {
	local try close=

	# An emulated CPU may stand still by itself, or a stop fall between two pings.
	# What takes a ping the rest of the time is ping's to say: see below.
	for try in 1 2 3 4 5; do
		stall_pings s details
		((worst * 1000000 < held * 90 / 100 || worst * 1000000 > held * 150 / 100)) || {
			close=yes
			break
		}
		echo "# the slowest ping took $worst ms, the stop $held ns: once more" >&3
	done
	[[ $close ]]
	expect_that s "misses as \$misses | .[-1] | .count == 2 * $pings and
		(.returned | short(2 * $pings; \$misses))"
	# Within ping's own times, which it shows in ms: there is little else in them. The
	# packet goes on while the handler is still in the kernel.
	expect_that s "[.[-1].rows[].max_ns] | max >= $worst * 900000"
	expect_that details "map(select(.type == \"record\")) |
		all(.queue_ns + .user_ns <= ($worst + 1) * 1000000)"
	# One may have been read already, but not the next.
	expect_that s "[.[-1].parts[] | select(.part == \"queue\").max_ns] | max >= $held * 0.8"
	expect_that s '.[-1].rows | max_by(.max_ns).handlers[0].comm | test("^handler")'
	expect_that details "map(select(.type == \"record\")) | length > 1 and
		all(.comm | test(\"^handler\")) and all(.total_ns > 120000000) and
		(max_by(.queue_ns) | .slowest == \"queue\" and .queue_ns >= $held * 0.8)"
	# Each tool has clock readings of its own, some instructions apart, and both
	# handlers stood: that one whose longest record is the row's longest upcall,
	# and none is longer, unless the summary says that it missed some.
	expect_that details 'map(select(.type == "record")) as $records |
		$s[-1].rows | max_by(.max_ns) | .handlers[0].tid as $tid |
		(.max_ns - ($records | map(select(.tid == $tid).total_ns) | max) |
			fabs < 10000000) and
		(.max_ns > ($records | map(.total_ns) | max) - 10000000 or ($s | misses) > 0)'
	expect_sound s
	expect_met
	expect_json details ovs.upcall.details
}

# JSON rows of all reports with that port and cause
rows_of() {
	printf '[.[].rows[] | select(.by.flow.dst_port == %s and .cause == "%s")]' "$1" "$2"
}

@test "answered by a drop there is no return; a controller's upcall is an action" {
	flow_add "udp,tp_dst=7331,actions=drop"
	flow_add "udp,tp_dst=7333,actions=controller,NORMAL"
	tool_start s ovs upcall summary --format json --interval 300ms --timeout 300ms \
		--protocol udp --by flow,cause --top 0
	send 23 1 7331
	send 4 1 7332
	send 20 1 7333
	wait_for 20 eval "(( \$(jq -s 'map(.no_return) | add' '$out/s.out') >= 43 ))"
	tool_stop s
	expect_that s "$(rows_of 7331 miss) | (map(.count) | add) == 23 and
		(map(.no_return) | add) == 23 and (map(.returned) | add) == 0"
	expect_that s "misses as \$misses | $(rows_of 7332 miss) | (map(.count) | add) == 4 and
		(map(.no_return) | add) <= \$misses and
		(map(.returned) | add | short(4; \$misses))"
	expect_that s "misses as \$misses | $(rows_of 7333 miss) | (map(.count) | add) == 20 and
		(map(.no_return) | add) <= \$misses and
		(map(.returned) | add | short(20; \$misses))"
	expect_that s "$(rows_of 7333 action) | (map(.count) | add) == 20 and
		(map(.no_return) | add) == 20 and (map(.returned) | add) == 0"
	expect_that s '(map(.count) | add) == 67 and (map(.lost) | add) == 0 and last.waiting == 0'
	expect_sound s
	expect_met
}

@test "a full socket: as many lost as the datapath says, with their owner" {
	local lost vswitchd

	vswitchd=$(pidof ovs-vswitchd)
	"$test_tools/rcvbuf" "$vswitchd" 4096 >/dev/null
	lost=$(datapath lost)
	tool_start s "${upcall[@]}" --protocol udp
	handlers_hold
	send 300 300 7341
	wait_for 20 upcalls_made 300
	handlers_go
	settle 300
	tool_stop s
	"$test_tools/rcvbuf" "$vswitchd" 1048576 >/dev/null
	lost=$(($(datapath lost) - lost))
	((lost > 200 && lost < 300))
	expect_that s "misses as \$misses | .[-1] | .lost == $lost and .count == 300 and
		(.returned | short(300 - $lost; \$misses)) and .waiting <= \$misses and
		.no_return == 0"
	expect_that s ".[-1].undelivered | (map(.count) | add) == $lost and
		all(.error == \"EAGAIN\" and .pid == $vswitchd and .portid > 0)"
	expect_sound s
	expect_met
	expect_json s ovs.upcall.summary
}

@test "a message for each segment of a GSO packet; equal packets are not measured" {
	tool_start s "${upcall[@]}" --by flow --top 0
	peer_run socat -u TCP4-LISTEN:7361,reuseaddr CREATE:"$out/got" 3>&- 4>&- &
	wait_for 20 eval "peer_run ss -Hltn 'sport = :7361' | grep -q ."
	head -c 100000 /dev/zero | socat -u - "TCP4:$PEER_IP:7361,connect-timeout=10"
	wait_for 20 eval '[[ $(stat -c %s "$out/got") == 100000 ]]'
	missed=$(datapath missed)
	handlers_hold
	# On one CPU, so to one handler: it reads all before it answers the first.
	(
		taskset -cp 0 "$BASHPID" >/dev/null
		send 1 1 7371 --then --count 1 --then --count 1 --then --count 1
	)
	wait_for 20 upcalls_made 3
	handlers_go
	settle 3
	tool_stop s
	expect_that s 'misses as $misses | [.[-1].rows[] | select(.by.flow.dst_port == 7361)] |
		length == 1 and (.[0] | .messages as $messages | $messages > .count and
			.read == $messages and (.returned | short($messages; $misses)) and
			$messages > 68 and .lost == 0)'
	expect_that s '[.[-1].rows[] | select(.by.flow.dst_port == 7371)] | length == 1 and
		(.[0] | .count == 3 and .returned == 3 and .ambiguous == 3 and .max_ns == null)'
	expect_sound s
	expect_met
}

@test "text and pictures" {
	tool_start text ovs upcall summary --by port,flow --interval 1h
	tool_start hist ovs upcall summary --format hist --interval 1h
	send 5 5 7381
	settle 5
	tool_stop text hist
	grep -qE "^$TOPO_PHY +- +1 +1 +0 +0 " "$out/text.out"
	grep -q '^   Flow: 10.9.0.1:1004 -> 10.9.0.2:7381 (UDP)$' "$out/text.out"
	grep -qE '^   Longest: handler[0-9]+ [0-9]+ ' "$out/text.out"
	run grep -c ' distribution$' "$out/hist.out"
	assert_output 4
}

# The last test: ovs-vswitchd is not there any more.
@test "a closed socket: what it held is discarded, what comes then is lost" {
	local lost vswitchd

	vswitchd=$(pidof ovs-vswitchd)
	lost=$(datapath lost)
	tool_start s "${upcall[@]}" --protocol udp
	handlers_hold
	send 6 6 7391
	wait_for 20 upcalls_made 6
	kill -9 "$vswitchd"
	handlers_go
	wait_for 20 eval "[[ ! -d /proc/$vswitchd ]]"
	send 7 7 7392
	wait_for 20 upcalls_made 13
	tool_stop s
	lost=$(($(datapath lost) - lost))
	assert_equal "$lost" 7
	expect_that s ".[-1] | .count == 13 and .lost == 7 and .discarded == 6 and
		.returned == 0 and .waiting == 0"
	expect_that s '.[-1].undelivered | length > 0 and all(.error == "ECONNREFUSED") and
		(map(.count) | add) == 7'
	expect_sound s
	expect_met
}
