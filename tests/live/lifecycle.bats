#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# How a measuring command begins and ends: signals, closed pipes, limits, full
# disks, missing rights; and that nothing stays in the kernel behind it.

load ../lib/common

setup() { common_setup; }

teardown() { tools_kill; }

# "prog 12", "map 34", "link 56": the BPF objects that process $1 holds.
held_by() {
	sed -n 's/^\(prog\|map\|link\)_id:[[:space:]]*\([0-9]*\)$/\1 \2/p' \
		/proc/"$1"/fdinfo/* | sort -u
}

all_gone() {
	local kind id

	while read -r kind id; do
		if bpftool "$kind" show id "$id" >/dev/null 2>&1; then return 1; fi
	done
}

gone() { all_gone <"$out/held"; }

# $1: tool; its objects are noted and looked at
note_objects() {
	held_by "$(tool_pid "$1")" >"$out/held"
	grep -q '^prog ' "$out/held"
	grep -q '^map ' "$out/held"
	! gone
}

# run_program STATUS PROGRAM ARGS...: in the foreground, output in $out/stdout
# and $out/stderr
run_program() {
	local want=$1 status=0

	shift
	timeout -k 1 20 "$@" >"$out/stdout" 2>"$out/stderr" </dev/null || status=$?
	((status == want)) || {
		printf 'status %s: %s\n' "$status" "$*" >&2
		head -n 5 "$out/stdout" "$out/stderr" >&2
		return 1
	}
}

# run_here STATUS ARGS...: likewise, of the tool
run_here() { run_program "$1" "$VNETDIAG" "${@:2}"; }

# run_powerless STATUS ARGS...: likewise, as nobody
run_powerless() {
	run_program "$1" setpriv --reuid=65534 --regid=65534 --clear-groups \
		--inh-caps=-all --bounding-set=-all "$VNETDIAG" "${@:2}"
}

# One error line that matches $1, a hint, nothing on stdout.
refused() {
	grep -Eqx "vnetdiag: error: $1" "$out/stderr"
	assert_equal "$(grep -c '^vnetdiag: error: ' "$out/stderr")" 1
	assert_equal "$(grep -c '^hint: .' "$out/stderr")" 1
	assert_equal "$(wc -l <"$out/stderr")" 2
	[[ ! -s $out/stdout ]]
}

# The tool with a BPF file system of its own, where a pin would be seen.
make_private() {
	cat >"$out/private" <<-END
	#!/bin/sh
	exec unshare -m sh -c 'mount -t bpf bpf /sys/fs/bpf && exec "\$@"' - \
		"$(realpath "$VNETDIAG")" "\$@"
	END
	chmod +x "$out/private"
}

@test "kill -9 in mid-run leaves no program, map, link or pin" {
	local verb pid

	make_private
	VNETDIAG=$out/private
	for verb in summary details; do
		tool_start k drop $verb --src-ip 10.77.0.1
		note_objects k
		pid=$(tool_pid k)
		# The kernel puts two files of its own there.
		assert_equal "$(find "/proc/$pid/root/sys/fs/bpf" -mindepth 1 ! -name '*.debug')" ""
		kill -9 "$pid"
		tool_end k
		assert_equal "$tool_status" 137
		wait_for 10 gone
	done
}

@test "an orderly end leaves nothing either" {
	local verb

	for verb in summary details; do
		tool_start k drop $verb --src-ip 10.77.0.1
		note_objects k
		tool_stop k
		wait_for 10 gone
	done
}

@test "SIGINT, SIGTERM and SIGHUP print the last report and end with status 0" {
	local signal

	for signal in INT TERM HUP; do
		tool_start s drop summary --interval 1h -f json
		tool_start d drop details --dst-port 7 -f json
		kill -$signal "$(tool_pid s)" "$(tool_pid d)"
		tool_end s 5
		assert_equal "$tool_status" 0
		tool_end d 5
		assert_equal "$tool_status" 0
		assert_equal "$(jq -s 'map(.type)' -c "$out/s.out")" '["report"]'
		assert_equal "$(jq -s 'map(.type)' -c "$out/d.out")" '["start","end"]'
		expect_json s drop.summary
		expect_json d drop.details
		[[ ! -s $out/s.err && ! -s $out/d.err ]]
	done
}

@test "a closed pipe ends it quietly within a second" {
	local start status

	start=${EPOCHREALTIME/./}
	timeout -k 1 20 "$VNETDIAG" drop summary --interval 100ms 2>"$out/stderr" </dev/null |
		head -n 1 >"$out/stdout"
	status=${PIPESTATUS[0]}
	assert_equal "$status" 0
	((${EPOCHREALTIME/./} - start < 3000000))
	assert_equal "$(wc -l <"$out/stdout")" 1
	[[ ! -s $out/stderr ]]

	# The reader goes while there is nothing to write: seen all the same.
	mkfifo "$out/pipe"
	exec {reader}<>"$out/pipe"
	"$VNETDIAG" drop summary --interval 1h --output "$out/pipe" --ready-fd 9 \
		9>"$out/ready" 2>"$out/stderr" 3>&- {reader}<&- </dev/null &
	tool_pids[p]=$!
	wait_for 20 grep -qs ready "$out/ready"
	start=${EPOCHREALTIME/./}
	exec {reader}<&-
	wait_for 10 bash -c "! kill -0 ${tool_pids[p]} 2>/dev/null"
	((${EPOCHREALTIME/./} - start < 1000000))
	wait "${tool_pids[p]}"
	unset 'tool_pids[p]'
	[[ ! -s $out/stderr ]]
}

@test "--duration ends the run, and --count after so many reports" {
	local start

	start=${EPOCHREALTIME/./}
	run_here 0 drop summary --interval 400ms --duration 1s -f json
	((${EPOCHREALTIME/./} - start >= 1000000))
	assert_equal "$(wc -l <"$out/stdout")" 3
	start=${EPOCHREALTIME/./}
	run_here 0 drop details --duration 500ms --dst-port 7 -f json
	((${EPOCHREALTIME/./} - start >= 500000))
	assert_equal "$(jq -s 'map(.type)' -c "$out/stdout")" '["start","end"]'
	run_here 0 drop summary --interval 100ms --count 3 -f json
	assert_equal "$(wc -l <"$out/stdout")" 3
	assert_equal "$(jq -s 'all(.interval_s > 0.09 and .interval_s < 1)' "$out/stdout")" true
}

@test "without rights: status 4, one line, a hint, nothing on stdout" {
	local command

	for command in 'drop summary' 'drop details' 'drop summary -f json' \
		'drop details -f json'; do
		# shellcheck disable=SC2086 # words
		run_powerless 4 $command --duration 1s
		refused '.*permission.*'
	done
}

@test "root without the capabilities is told so too" {
	run_program 4 setpriv --inh-caps=-all --bounding-set=-all "$VNETDIAG" drop summary \
		--duration 1s
	refused '.*permission.*'
}

@test "--dry-run, --explain-filter and --help need no rights" {
	local option

	for option in --dry-run --explain-filter --help; do
		run_powerless 0 drop summary $option
		[[ -s $out/stdout && ! -s $out/stderr ]]
	done
}

@test "BTF that cannot be read: a message, a hint, status 1" {
	local file

	head -c 4096 /dev/zero >"$out/zeros"
	for file in /dev/null /nonexistent "$out/zeros" "$out"; do
		run_here 1 drop summary --btf "$file" --duration 1s
		refused ".*'$file'.*"
	done
}

@test "a reason that the kernel does not have: status 2, nothing on stdout" {
	run_here 2 drop summary --reason POTATOES --duration 1s -f json
	refused ".*'POTATOES'.*"
	run_here 2 drop details --reason POTATOES --duration 1s -f json
	refused ".*'POTATOES'.*"
}

@test "--output writes there and nowhere else" {
	run_here 0 drop summary --interval 100ms --count 1 -f json --output "$out/file"
	[[ ! -s $out/stdout ]]
	jq -e '.type == "report"' "$out/file" >/dev/null
	run_here 1 drop summary --count 1 --output "$out/no/such"
	grep -q "^vnetdiag: error: cannot write '$out/no/such': No such file" "$out/stderr"
	[[ ! -s $out/stdout ]]
}

@test "a full disk is an error with a message and status 1" {
	local status=0

	timeout 20 "$VNETDIAG" drop summary --interval 100ms --count 1 >/dev/full \
		2>"$out/stderr" || status=$?
	assert_equal "$status" 1
	grep -q '^vnetdiag: error: .*No space left on device$' "$out/stderr"
	status=0
	timeout 20 "$VNETDIAG" drop details --duration 100ms -f json >/dev/full \
		2>"$out/stderr" || status=$?
	assert_equal "$status" 1
	grep -q '^vnetdiag: error: .*No space left on device$' "$out/stderr"
	run_here 1 drop summary --interval 100ms --count 1 --output /dev/full
	grep -q '^vnetdiag: error: .*No space left on device$' "$out/stderr"
	run_here 1 drop details --duration 100ms --pcap /dev/full
	grep -q "^vnetdiag: error: cannot write '/dev/full': No space left" "$out/stderr"
	[[ ! -s $out/stdout ]]
}

@test "a closed stdout is an error, not a run into the void" {
	local status=0

	timeout 20 "$VNETDIAG" drop summary --interval 100ms --count 1 >&- 2>"$out/stderr" ||
		status=$?
	assert_equal "$status" 1
	grep -q '^vnetdiag: error: ' "$out/stderr"
}

@test "--dry-run in JSON fits the schema" {
	run_here 0 drop summary --dry-run -f json --src-ip 10.0.0.0/8 --vlan 5
	cp "$out/stdout" "$out/plan.out"
	expect_json plan drop.summary
	run_here 0 drop details --dry-run -f json --comm x
	cp "$out/stdout" "$out/plan.out"
	expect_json plan drop.details
}
