#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `ovs threads` on each kernel: stalls of a known length and kind come back as
# those of the thread that had them, and times add up.

bats_require_minimum_version 1.5.0
load ../lib/common
load latency

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	threads=(ovs threads --format json --interval 1h)
	vswitchd=$(</var/run/openvswitch/ovs-vswitchd.pid)
}

teardown() {
	tools_kill
	[[ -z ${pinger:-} ]] || kill -INT "$pinger"
	[[ -z ${pinned:-} ]] || handlers_on 0,1
	[[ -z ${all_upcalls:-} ]] || upcalls_as_usual
}

# Threads of that name. A handler that logs has the C library start another one,
# which has its name for the second that it lives.
handlers() {
	local task comm

	for task in /proc/"$vswitchd"/task/*; do
		{ read -r comm <"$task/comm"; } 2>/dev/null || continue
		[[ $comm != handler* ]] || echo "${task##*/}"
	done
}

# All handlers may run on these CPUs. Not the process: it would make new ones.
handlers_on() {
	local tid

	for tid in $(handlers); do taskset -cp "$1" "$tid" >/dev/null; done
}

# What holds for every report: each thread's times add up to what was seen of it.
expect_sound() { # NAME
	expect_that "$1" "all(.[]; $whole)"
	expect_that "$1" 'all(.[].rows[]; .observed_ns ==
		.running_ns + .runnable_ns + .blocked_ns and
		.syscall_ns + .irq_ns <= .running_ns * 1.001 + 1000 and
		.uninterruptible_ns + .stopped_ns <= .blocked_ns and
		.preempted <= .switches and ([.blocked_on[].ns] | add // 0) <= .blocked_ns + 1000)'
	# A thread of the whole interval was seen for all of it, within 2 % or a start
	# on a slow machine.
	expect_that "$1" '.[-1] | .interval_s as $s | all(.rows[] | select(.role == "main");
		(.observed_ns / 1e9 - $s) | . > -0.02 * $s - 0.1 and . < 0.02 * $s + 1)'
}

@test "a handler that stands still is named, with how long, and nobody else" {
	local held all

	all=$(handlers)
	tool_start s "${threads[@]}"
	read -r from to < <("$test_tools/stall" 800 "$vswitchd" handler)
	held=$((to - from))
	tool_stop s
	# Those that were there before and are still.
	all=$(comm -12 <(sort <<<"$all") <(handlers | sort) | paste -sd, -)
	expect_that s "[.[-1].rows[] | select(.tid | IN($all))] | length > 0 and
		all(.role == \"handler\" and .worst_stall_kind == \"stopped\" and
		    .stopped_ns >= $held * 0.98 and
		    .worst_stall_ns >= $held * 0.98 and .worst_stall_ns < $held * 1.5 + 200000000)"
	expect_that s '[.[-1].rows[] | select(.role != "handler")] | length > 0 and
		all(.stopped_ns == 0 and .worst_stall_kind != "stopped")'
	expect_that s '.[-1] | .blame == "stopped" and (.verdict | test("^no: handler")) and
		any(.rows[]; .role == "revalidator") and
		([.rows[] | select(.role == "main")] | length == 1 and .[0].comm == "ovs-vswitchd")'
	expect_that s "[.[-1].rows[] | select(.tid | IN($all))] |
		all(.worst_stall_stack | map(.symbol) | any(test(\"ptrace|signal|trap\")))"
	expect_sound s
	expect_met
	expect_json s ovs.threads
}

@test "a handler whose CPU is taken: ready and waiting, and for how long" {
	local taken

	# Here and not for the other tests: handlers log that there are too many flows.
	upcalls_always
	pinned=yes
	handlers_on 1
	# An upcall each 20 ms and less, made on the other CPU.
	taskset -c 0 ip netns exec peer stdbuf -oL ping -c 2000 -i 0.02 -W 5 "$HOST_IP" \
		>"$out/ping" 3>&- 4>&- &
	pinger=$!
	wait_for 20 grep -q 'icmp_seq=5 ' "$out/ping"
	tool_start s "${threads[@]}"
	read -r from to < <("$test_tools/hog" 1 300)
	taken=$((to - from))
	tool_stop s
	kill -INT "$pinger"
	wait "$pinger" || :
	pinger=
	# Ready 20 ms after it began at the latest, and it runs soon after the end.
	expect_that s "[.[-1].rows[] | select(.role == \"handler\")] | max_by(.worst_stall_ns) |
		.worst_stall_kind == \"runnable\" and .worst_stall_by != null and
		.worst_stall_ns >= $taken * 0.85 and .worst_stall_ns < $taken * 1.1 + 20000000 and
		.runnable_ns >= .worst_stall_ns and .stopped_ns == 0"
	# Who had the CPU last: the hog, or a thread that had to wait for it as well.
	expect_that s '.[-1] | (.rows | max_by(.worst_stall_ns)) as $row | .blame == "cpu" and
		(.verdict | startswith("yes, for want of a CPU: \($row.comm) (\($row.tid)) was ready")
			and endswith("before it ran \($row.worst_stall_by) (\($row.worst_stall_by_tid))"))'
	expect_sound s
	expect_met
}

@test "threads without work sleep in poll" {
	tool_start idle ovs threads --format json --interval 2s --count 1
	tool_end idle
	expect_that idle '[.[-1].rows[] | select(.role == "revalidator" or .role == "main")] |
		length > 0 and all(.blocked_ns > .observed_ns / 2 and
		    (.blocked_on[0].symbol | test("poll")) and .blocked_on[0].ns > 0)'
	expect_sound idle
	expect_met
}
