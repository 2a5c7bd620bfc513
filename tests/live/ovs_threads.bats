#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `ovs threads` on the build host's kernel, for a process of our own: scheduler
# tracepoints need no Open vSwitch.

bats_require_minimum_version 1.5.0
load ../lib/common

setup() {
	common_setup
	mkfifo "$out/go"
	exec {go}<>"$out/go"
	"$tests_lib/threads.py" "$out/ready" <"$out/go" 3>&- 4>&- &
	process=$!
	wait_for "$TOOL_WAIT" test -e "$out/ready"
}

teardown() {
	tools_kill
	kill -9 "$process" 2>/dev/null || :
	wait "$process" || :
}

@test "a process's threads: one busy, one asleep, one that comes and goes, one stopped" {
	local held

	tool_start s ovs threads --pid "$process" --format json --interval 1h
	read -r from to < <("$test_tools/stall" 500 "$process" sleeper)
	held=$((to - from))
	echo >&"$go"
	wait_for "$TOOL_WAIT" test -e "$out/ready.done"
	tool_stop s
	expect_that s 'all(.[]; .complete) and all(.[].rows[]; .observed_ns ==
		.running_ns + .runnable_ns + .blocked_ns)'
	expect_that s "[.[-1].rows[] | select(.comm == \"sleeper\")] | length == 1 and (.[0] |
		.stopped_ns >= $held * 0.98 and .worst_stall_kind == \"stopped\" and
		.worst_stall_ns >= $held * 0.98 and .running_ns < .observed_ns / 2 and
		(.worst_stall_stack | any(.symbol | test(\"ptrace\"))) and
		any(.blocked_on[]; .symbol | test(\"nanosleep\")))"
	expect_that s '[.[-1].rows[] | select(.comm == "busy")] | length == 1 and (.[0] |
		.blocked_ns < .observed_ns / 2 and .stopped_ns == 0 and
		.running_ns > 0 and .syscall_ns < .running_ns)'
	# It began and ended meanwhile, having slept half a second.
	expect_that s '[.[-1].rows[] | select(.comm == "guest")] | length == 1 and (.[0] |
		.blocked_ns >= 500000000 and .observed_ns < 30e9)'
	expect_that s ".[-1] | .pid == $process and ([.rows[] | select(.role == \"main\")] |
		length == 1 and .[0].tid == $process)"
	expect_met
	expect_json s ovs.threads
}

@test "each interval has its own times, and adds up to its length" {
	tool_start s ovs threads --pid "$process" --format json --interval 500ms --count 4
	tool_end s
	((tool_status == 0))
	# The first begins with the run, the others at the end of the one before.
	expect_that s 'length == 4 and all(.[1:][]; .interval_s as $s |
		all(.rows[]; .observed_ns / 1e9 / $s | . > 0.8 and . < 1.2))'
	expect_that s '([.[].rows[] | select(.comm == "busy") | .observed_ns] | add / 1e9) as $all |
		([.[].interval_s] | add) as $wall | $all / $wall | . > 0.98'
	expect_met
}

@test "no such process; not one ovs-vswitchd" {
	run "$VNETDIAG" ovs threads --pid 4194304
	assert_failure 1
	assert_output --partial "there is no process 4194304"
	pidof ovs-vswitchd || {
		run "$VNETDIAG" ovs threads
		assert_failure 1
		assert_output --partial "no process is ovs-vswitchd"
	}
}
