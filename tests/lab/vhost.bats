#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `vhost summary` with a guest of one queue: buffers by packet, signals as the
# kernel's own tracing counts them, and a guest that stands still. (Four queues:
# topo.bats.)
# shellcheck disable=SC2016,SC2154 # variables of jq; those of common

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	guest_up 1
	ovs-vsctl set Open_vSwitch . other_config:max-idle=600000
	guest_run sysctl -q -w net.ipv4.icmp_ratelimit=0
}

teardown_file() {
	. tests/lab/topology.sh
	guest_down
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	summary=(vhost summary --format json --interval 1h)
	tracing=/sys/kernel/tracing
	event=$tracing/events/kprobes/vnet_test_signal
	vring=
}

teardown() {
	tools_kill
	[[ -z ${vring:-} ]] || kill "$vring"
	[[ ! -e $TOPO_RUN/guest/pid ]] || guest_cont
	[[ ! -d $event ]] || signals_forget
}

ping_guest() { # N
	peer_run ping -q -i 0.01 -W 5 -c "$1" "$GUEST_IP" >"$out/ping"
	grep -q " $1 received" "$out/ping"
}

# jq: a row of the last report
row() { printf '(.[-1].rows | map(select(.device == "%s" and .direction == "%s"))[0])' \
	"$TOPO_TAP" "$1"; }

# From now on the kernel traces each signal of an eventfd, with its thread.
signals_trace() {
	local function=eventfd_signal

	grep -q ' eventfd_signal$' /proc/kallsyms || function=eventfd_signal_mask
	echo "p:vnet_test_signal $function" >>"$tracing/kprobe_events"
	echo 1 >"$event/enable"
}

# $1: thread
signals_of() { grep -c -- "-$1 .*vnet_test_signal:" "$tracing/trace"; }

signals_forget() {
	echo 0 >"$event/enable"
	echo '-:vnet_test_signal' >>"$tracing/kprobe_events"
	echo >"$tracing/trace"
}

# Of any report without losses. How many buffers the last return of an interval had
# may be the next one's.
expect_sound() {
	expect_that "$1" "all(.[]; $whole)"
	expect_that "$1" 'all(.[].rows[]; .signals + (.suppressed | add) == .opportunities and
		.handled >= 0 and (.avail == null or .avail <= .size) and
		(.taken == null or .taken <= .size) and
		([.histogram[].count] | add // 0) <= .opportunities + 1 and
		(.batch_p50 == null or .batch_p50 <= .batch_max))'
	expect_that "$1" '.[-1].hidden == 0'
}

@test "as many buffers as packets, both ways, and signals as the kernel counts them" {
	local before worker

	ping_guest 2
	before=$(<"/sys/class/net/$TOPO_TAP/statistics/tx_packets")
	signals_trace
	tool_start s "${summary[@]}"
	ping_guest 300
	tool_stop s
	packets=$(($(<"/sys/class/net/$TOPO_TAP/statistics/tx_packets") - before))
	expect_that s ".[-1].rows | length == 2 and all(.device == \"$TOPO_TAP\" and .queue == 0 and
		.vm == \"guest\" and .pid == $(<"$TOPO_RUN/guest/pid") and .state == \"flowing\" and
		.size == 256 and .ifindex == $(<"/sys/class/net/$TOPO_TAP/ifindex") and
		.resets == 0 and .event_index_negotiated)"
	expect_that s "$(row rx) | .used_advance == $packets and .taken_advance == $packets and
		.handled > 0 and .signals > 0 and .ring_depth == 0 and .batch_max >= 1"
	expect_that s "$(row tx) | .used_advance == $packets and .taken_advance == $packets and
		.handled > 0 and .avail == 0 and .ring_depth == null"
	# One worker for both.
	worker=$(jq -s '.[-1].rows[0].worker_tid' "$out/s.out")
	expect_that s ".[-1].rows | all(.worker_tid == $worker)"
	[[ $(<"/proc/$worker/comm") == "vhost-$(<"$TOPO_RUN/guest/pid")" ]]
	expect_that s "misses as \$misses | .[-1].rows | map(.signals) | add |
		short($(signals_of "$worker"); \$misses)"
	expect_sound s
	expect_met
	expect_json s vhost.summary
	((packets == 300))
}

# To receive, the guest takes no interrupts while it polls.
@test "a flood: signals that the guest does not want, by their cause; exact intervals" {
	tool_start all "${summary[@]}"
	tool_start parts vhost summary --format json --interval 50ms
	for reports in 1 2 3 4; do
		"$send" --netns peer --socket --src "$PEER_IP" --dst "$GUEST_IP" \
			--udp 1000:7400 --count 300 >/dev/null
		wait_for 5 has_lines parts "$reports"
	done
	ping_guest 3
	tool_stop all parts
	expect_that all "$(row rx) | .used_advance > 800 and .suppressed.event_index > 0 and
		.suppressed.no_interrupt == 0 and .suppressed.no_eventfd == 0"
	expect_that parts 'length > 3 and ([.[].rows[] | select(.direction == "rx") |
		.used_advance] | add) == ($all[-1].rows | map(select(.direction == "rx"))[0] |
			.used_advance)'
	expect_sound all
	expect_sound parts
	expect_met
}

@test "a guest that stands still: no buffers, and packets wait; nothing else is flagged" {
	ping_guest 2
	tap_up vnet8
	guest_stop
	tool_start s "${summary[@]}"
	"$send" --netns peer --socket --src "$PEER_IP" --dst "$GUEST_IP" \
		--udp 1000:7400 --count 500 >/dev/null
	tool_stop s
	guest_cont
	tool_start later "${summary[@]}"
	ping_guest 20
	tool_stop later
	tap_down vnet8
	expect_that s ".[-1] | .virtqueues == 2 and .no_buffers == 1 and .stalled == 0"
	expect_that s "$(row rx) | .state == \"no buffers\" and .avail == 0 and .ring_depth > 100 and
		.used_advance > 0 and .used_advance <= 256"
	expect_that s "$(row tx) | .state == \"idle\" and .used_advance == 0 and .avail == 0"
	expect_that later '.[-1].rows | length == 2 and all(.state == "flowing")'
	expect_that later "$(row rx) | .ring_depth == 0 and .avail > 0"
	expect_sound s
	expect_sound later
	expect_met
}

@test "one tap, one guest, none; text and a picture; wrong input" {
	tap_up vnet8
	tool_start text vhost summary --interval 1h --vm guest
	tool_start hist vhost summary --interval 1h --format hist --device "$TOPO_TAP"
	tool_start other "${summary[@]}" --device vnet8
	ping_guest 10
	tool_stop text hist other
	run cat "$out/text.out"
	assert_line --regexp "^$TOPO_TAP +0 +rx +guest +[0-9]+ +[01] +flowing +256 +[0-9]+ +[0-9]+ "
	assert_line --regexp "^$TOPO_TAP +0 +tx +guest +[0-9]+ +[01] +flowing +256 +[0-9]+ +0 "
	assert_line 'Virtqueues: 2'
	run cat "$out/hist.out"
	assert_line --regexp '^ +value +: count +distribution'
	expect_that other '.[-1] | .rows == [] and .virtqueues == 0'
	run -0 "$VNETDIAG" vhost summary --count 1 --interval 10ms --device vnet8
	assert_line 'No virtqueues: nobody has /dev/vhost-net open here'
	run -2 --separate-stderr "$VNETDIAG" vhost summary --device lo
	assert_equal "$stderr" "vnetdiag: error: option '--device': 'lo' is no tap or tun device
hint: 'ip -d link show type tun' lists them"
	run -2 --separate-stderr "$VNETDIAG" vhost summary --vm nobody
	assert_equal "${stderr%%$'\n'*}" "vnetdiag: error: no guest 'nobody' runs here"
	tap_down vnet8
	expect_met
}

@test "a guest that goes is shown once more, with its last packets" {
	tool_start s vhost summary --format json --interval 300ms
	ping_guest 5
	wait_for 20 eval "jq -se 'any(.[].rows[]; .direction == \"rx\" and .used_advance > 0)' \
		'$out/s.out' >/dev/null"
	TOPO_KEEP='' guest_down
	wait_for 20 eval "jq -se 'any(.[]; .virtqueues == 0)' '$out/s.out' >/dev/null"
	tool_stop s
	expect_that s '[.[].rows[] | select(.state == "gone")] | length == 2 and
		all(.size == null and .avail == null)'
	expect_that s '[.[].rows[] | select(.direction == "rx") | .used_advance] | add == 5'
	expect_that s '.[-1].rows == []'
	expect_sound s
	expect_met
	expect_json s vhost.summary
}

# ---- a driver of our own: tests/tools/vring.c ----

# $1: flag or event-index; the driver of the tap t0 of 10.79.0.1, which sends nothing
vring_up() {
	mkfifo "$out/vring.in" "$out/vring.out"
	"$test_tools/vring" t0 "$1" <"$out/vring.in" >"$out/vring.out" 2>"$out/vring.err" \
		3>&- 4>&- &
	vring=$!
	exec {vring_in}>"$out/vring.in" {vring_out}<"$out/vring.out"
	vring_answer
	sysctl -qw net.ipv6.conf.t0.disable_ipv6=1
	ip link set t0 up
	ip address add 10.79.0.1/24 dev t0
	ip neighbour add 10.79.0.2 lladdr 02:00:00:00:00:02 dev t0
}

vring_answer() {
	read -rt 20 -u "$vring_out" taken sent rx_signals tx_signals
}

vring() {
	echo "$*" >&"$vring_in"
	vring_answer
}

vring_down() {
	kill "$vring"
	wait "$vring" || :
	vring=
	exec {vring_in}>&- {vring_out}<&-
}

send_to_vring() {
	local n

	for ((n = 0; n < $1; n++)); do echo >/dev/udp/10.79.0.2/9; done
}

has_taken() {
	vring take
	((taken == $1))
}

driver() { printf '(.[-1].rows | map(select(.device == "t0" and .direction == "%s"))[0])' "$1"; }

# $1: flag or event-index, $2: the cause that stands for it
count_with_driver() {
	vring_up "$1"
	tool_start s "${summary[@]}" --device t0
	tool_start first "${summary[@]}" --device t0
	tool_start signal vhost signal --format json --interval 1h --device t0
	vring post 200
	send_to_vring 60
	wait_for 20 has_taken 60
	vring show
	tool_stop first
	wanted=$rx_signals
	vring want 0
	send_to_vring 50
	wait_for 20 has_taken 110
	vring show
	refused=$((rx_signals - wanted))
	vring want 1
	vring send 20
	vring send 1
	vring show
	tool_stop s signal
	# The driver's second eventfd is the one that rx signals.
	ids=($(sed -n 's/^eventfd-id: *//p' /proc/"$vring"/fdinfo/*))
	vring_down
	expect_that s ".[-1].rows | map(.eventfd_id) | sort == ([${ids[1]}, ${ids[3]}] | sort)"
	expect_that first "misses as \$misses | $(driver rx) | .used_advance == 60 and
		.taken_advance == 60 and .avail == 140 and .taken == 0 and .size == 256 and
		(.signals | short($wanted; \$misses)) and .opportunities <= 60 and
		.guest_no_interrupt == false"
	expect_that s "misses as \$misses | $(driver rx) | .used_advance == 110 and
		.taken_advance == 110 and .avail == 90 and
		(.signals | short($rx_signals; \$misses)) and .suppressed.$2 > 0 and
		(.suppressed | del(.$2) | add) == 0 and .fetched == 0"
	expect_that s "misses as \$misses | $(driver tx) | .used_advance == 21 and
		.taken_advance == 21 and .avail == 0 and (.signals | short($tx_signals; \$misses))"
	expect_that s '.[-1].rows | length == 2 and all(.vm == null and .resets == 0 and
		.worker_tid > 0 and .queue == 0)'
	# The same counts, in another form.
	expect_that signal "\$s[-1].rows as \$rows | .[-1] | .virtqueues == 2 and
		.signals == (\$rows | map(.signals) | add) and all(.rows[]; . as \$one |
		\$rows[] | select(.direction == \$one.direction) | .signals == \$one.signals and
			.opportunities == \$one.opportunities and .suppressed.$2 == \$one.$2 and
			.eventfd_id == \$one.eventfd_id)"
	expect_sound s
	expect_sound first
	expect_met
	expect_json signal vhost.signal
	((wanted > 0 && refused == 0 && sent == 21))
}

@test "a driver that counts: signals wanted, and refused by the flag" {
	count_with_driver flag no_interrupt
}

# The first return of a ring is always signalled.
@test "a driver that counts: signals wanted, and refused by the event index" {
	count_with_driver event-index event_index
}

@test "no buffers from the beginning: packets wait in vhost's hands, then in the ring" {
	vring_up flag
	send_to_vring 100
	tool_start s "${summary[@]}" --device t0
	tool_start twice vhost summary --format json --interval 100ms --count 2 --device t0
	tool_end twice
	tool_stop s
	vring post 256
	wait_for 20 has_taken 100
	tool_start later "${summary[@]}" --device t0
	tool_stop later
	vring_down
	expect_that s "$(driver rx) | .state == \"no buffers\" and .avail == 0 and
		.used_advance == 0 and .fetched + .ring_depth == 100 and .fetched >= 1 and
		.fetched <= 64"
	expect_that twice "length == 2 and all(.[]; .no_buffers == 1)"
	expect_that later "$(driver rx) | .state == \"idle\" and .avail == 156 and
		.ring_depth == 0 and .fetched == 0 and .handled == 0"
	expect_sound s
	expect_met
}

# Of $1 packets that were sent to it.
has_all() {
	local statistics=/sys/class/net/t0/statistics packets dropped

	read -r packets <"$statistics/tx_packets"
	read -r dropped <"$statistics/tx_dropped"
	vring show
	((taken == packets && packets + dropped == $1))
}

@test "indices that wrap at 65536" {
	local n

	vring_up flag
	ip link set t0 txqueuelen 30000
	tool_start s vhost summary --format json --interval 200ms --device t0
	vring post 256
	vring poll
	for n in 1 2 3; do
		"$send" --socket --src 10.79.0.1 --dst 10.79.0.2 --udp 4000:9 \
			--count 25000 >/dev/null
		wait_for 60 has_all $((n * 25000))
	done
	tool_stop s
	vring show
	vring_down
	expect_that s "[.[].rows[] | select(.direction == \"rx\")] |
		(map(.used_advance) | add) == $taken and (map(.resets) | add) == 0 and
		(map(.taken_advance) | add) == $taken"
	expect_that s "misses as \$misses | [.[].rows[] | select(.direction == \"rx\") |
		.signals] | add | short($rx_signals; \$misses)"
	expect_sound s
	expect_met
	((taken > 65536))
}

# JSON records of the tap's rx virtqueue, jq
records() { printf 'map(select(.type == "record" and .direction == "%s"))' "$1"; }

@test "each event with its indices, and what became of the return before" {
	vring_up flag
	vring post 256
	tool_start all vhost details --format json --device t0
	tool_start signals vhost details --format json --device t0 --event signal --perf-buffer
	tool_start flagged vhost details --format json --device t0 --flagged
	tool_start few vhost details --device t0 --limit 2
	send_to_vring 20
	wait_for 20 has_taken 20
	vring want 0
	send_to_vring 20
	wait_for 20 has_taken 40
	vring want 1
	send_to_vring 1
	wait_for 20 has_taken 41
	vring send 5
	tool_end few
	tool_stop all signals flagged
	vring show
	vring_down
	# Several packets may be one return.
	expect_that all "$(records rx) | length >= 2 * $rx_signals and all(.device == \"t0\" and .queue == 0 and
		.flags == []) and ([.[].used_advance | numbers] | add) >= 40 and
		(map(select(.event == \"signal\")) | length) == $rx_signals"
	# Each is where the one before it was, and as far as it says.
	expect_that all "$(records rx) | map(select(.event != \"signal\")) | . as \$r |
		[range(1; length) as \$i | \$r[\$i].last_used_idx ==
			\$r[\$i - 1].last_used_idx + \$r[\$i].used_advance and
			\$r[\$i].last_avail_idx == \$r[\$i - 1].last_avail_idx +
			\$r[\$i].taken_advance] | all"
	# A return that was signalled has its signal behind it, and one that was not has none.
	expect_that all "$(records rx) | . as \$r | [range(length) | select(\$r[.].event == \"used\") |
		{next: \$r[. + 1].event, then: ([\$r[. + 1:][] | select(.event != \"signal\")][0] //
			{return_before: null})}] | all(.then.return_before == null or
			(.next == \"signal\") == (.then.return_before == \"signalled\"))"
	expect_that all "$(records rx) | map(select(.return_before == \"suppressed\")) |
		length > 0 and all(.suppressed_by == \"no_interrupt\")"
	expect_that all "$(records tx) | ([.[].taken_advance | numbers] | add) <= 5 and
		any(.event == \"used\")"
	expect_that signals "map(select(.type == \"record\")) |
		length == $rx_signals + $tx_signals and all(.event == \"signal\")"
	expect_that flagged 'map(select(.type == "record")) == []'
	for name in all signals flagged; do expect_that $name '.[-1].complete'; done
	expect_met
	expect_json all vhost.details
	assert_equal "$(grep -c ' run device=t0 queue=0 dir=\| used device=t0 ' "$out/few.out")" 2
}

@test "looks that find a packet, as many as there are, and one that does not" {
	vring_up flag
	vring post 200
	tool_start s vhost peek --format json --interval 1h --device t0
	tool_start parts vhost peek --format json --interval 50ms
	tool_start text vhost peek --interval 1h --device t0
	send_to_vring 40
	wait_for 20 has_taken 40
	"$send" --socket --src 10.79.0.1 --dst 10.79.0.2 --udp 4000:9 --size 1000 \
		--count 60 >/dev/null
	wait_for 20 has_taken 100
	tool_stop s parts text
	vring_down
	# 1 and 1,000 bytes of UDP, with three headers.
	expect_that s '.[-1] | .virtqueues == 1 and (.rows | length == 1) and (.rows[0] |
		.device == "t0" and .found == 100 and .looks == .found + .empty and
		.empty >= 1 and .empty <= .runs + 1 and .runs_in_vain <= .runs and
		.ring_depth == 0 and .length_max > 1000 and .length_max < 1100 and
		([.histogram[] | select(.to < 64) | .count] | add) == 40)'
	expect_that parts '([.[].rows[] | select(.device == "t0") | .found] | add) == 100 and
		length > 2'
	for name in s parts; do expect_that $name "all(.[]; $whole)"; done
	expect_met
	expect_json s vhost.peek
	grep -Eq '^t0 +0 +- +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +100 ' "$out/text.out"
}
