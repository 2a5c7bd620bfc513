#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `doctor` and `probes` against what the host really lets them do. Settings of
# the host are never changed: a private mount namespace shows other ones.

load ../lib/common

setup() {
	common_setup
	# The words of a command, then the options that it needs to start.
	commands=("drop summary" "drop details" "drop qdisc"
		"latency summary --phy-interface lo" "latency details --phy-interface lo"
		"latency qdisc --device lo"
		"latency rtt --phy-interface lo --via kernel"
		"ovs upcall summary" "ovs upcall details" "ovs megaflow" "ovs drop"
		"ovs threads --pid 1" "tun summary" "tun details" "vhost summary" "vhost details" "vhost signal" "vhost peek"
		"latency pair --from lo --to $(other_device)")
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
}

# Any but the loopback device.
other_device() { find /sys/class/net -mindepth 1 ! -name lo -printf '%f\n' | head -n 1; }

# ask STATUS PREFIX... -- WORDS...: stdout in $out/stdout, stderr in $out/stderr
ask() {
	local want=$1 got=0 prefix=()

	shift
	while [[ $1 != -- ]]; do
		prefix+=("$1")
		shift
	done
	shift
	timeout 60 "${prefix[@]}" "$VNETDIAG" "$@" >"$out/stdout" 2>"$out/stderr" || got=$?
	[[ $got -eq $want || $want == any ]] || {
		cat "$out/stdout" "$out/stderr"
		fail "status $got instead of $want: $*"
	}
	status=$got
}

# Runs the words with other files in place: "FILE=TEXT" before "--".
pretend() {
	local script='set -e; mount --make-rprivate /;' file

	while [[ $1 != -- ]]; do
		file=$out/fake.$((++fakes))
		printf '%s\n' "${1#*=}" >"$file"
		script+="mount --bind '$file' '${1%%=*}';"
		shift
	done
	shift
	pretend_run "$script" "$@"
}

# $1: what to mount, $2: the status wanted, then words
pretend_run() {
	local script=$1 want=$2

	shift 2
	# shellcheck disable=SC2016 # the inner shell's
	ask "$want" unshare -m bash -c "$script exec \"\$@\"" bash -- "$@"
}

check_of() { jq -r ".checks[] | select(.check == \"$1\") | $2" "$out/stdout"; }

@test "the table of commands here is the program's" {
	local want got

	want=$(printf '%s\n' "${commands[@]%% --*}" | sort)
	got=$("$VNETDIAG" introspect json | jq -r '.commands[] |
		select(any(.options[]?; .name == "dry-run")) | .path' | sort)
	assert_equal "$got" "$want"
	ask any -- doctor -f json
	got=$(jq -r '.rows[].command' "$out/stdout" | sort)
	assert_equal "$got" "$want"
}

@test "doctor's status agrees with its rows, and says nothing else" {
	ask any -- doctor -f json
	"$tests_lib/json_check.py" doctor <"$out/stdout"
	[[ ! -s $out/stderr ]]
	if jq -e 'any(.rows[]; .status == "cannot")' "$out/stdout"; then
		assert_equal "$status" 3
	else
		assert_equal "$status" 0
	fi
	ask "$status" -- doctor
	[[ ! -s $out/stderr ]]
	grep -q '^drop summary  *works' "$out/stdout"
}

@test "what doctor says of a command is what happens" {
	local command verdict

	ask any -- doctor -f json
	cp "$out/stdout" "$out/doctor"
	for command in "${commands[@]}"; do
		verdict=$(jq -r --arg c "${command%% --*}" \
			'.rows[] | select(.command == $c) | .status' "$out/doctor")
		# shellcheck disable=SC2086
		case $verdict in
		works | degraded) ask 0 -- $command --duration 10ms --format json ;;
		cannot) ask 3 -- $command --duration 10ms --format json ;;
		*) fail "$command: '$verdict'" ;;
		esac
	done
}

@test "doctor without privileges: status 4, or 3 if more is missing" {
	ask any "${nobody[@]}" -- doctor -f json
	"$tests_lib/json_check.py" doctor <"$out/stdout"
	[[ ! -s $out/stderr ]]
	assert_equal "$(check_of privileges .status)" problem
	assert_equal "$(check_of privileges .value)" none
	assert_equal "$(jq -r '.rows[] | select(.command == "drop summary") | .status + ": " + .why' \
		"$out/stdout")" "cannot: no permission to load BPF programs"
	if jq -e 'all(.rows[]; .why == "no permission to load BPF programs")' "$out/stdout"; then
		assert_equal "$status" 4
	else
		assert_equal "$status" 3
	fi
	# A recorded host is asked what it can do, not what we may do here.
	ask 0 "${nobody[@]}" -- doctor --kernel-facts tests/fixtures/kernel-7.facts
}

@test "lockdown for confidentiality stops every command" {
	local command locked="set -e; mount --make-rprivate /;
		mount -t tmpfs none /sys/kernel/security;
		echo 'none integrity [confidentiality]' >/sys/kernel/security/lockdown;"

	for command in "${commands[@]}"; do
		# The counters of queues are read over netlink, without a probe.
		[[ $command != "drop qdisc" ]] || command+=" --by flow"
		# shellcheck disable=SC2086 # several words
		pretend_run "$locked" 3 $command --duration 1ms
		[[ ! -s $out/stdout ]]
		grep -qx "vnetdiag: error: cannot probe '.*' on this kernel: the kernel is\
 locked down for confidentiality" "$out/stderr"
		assert_equal "$(tail -n +2 "$out/stderr")" \
			"hint: boot without lockdown=confidentiality"
	done
	pretend_run "$locked" 3 doctor -f json
	jq -e 'all(.rows[]; .status == "cannot" and (.why | test("locked down")))' "$out/stdout"
	assert_equal "$(check_of lockdown .status)" problem
	pretend_run "set -e; mount --make-rprivate /; mount -t tmpfs none /sys/kernel/security;
		echo 'none [integrity] confidentiality' >/sys/kernel/security/lockdown;" any \
		doctor -f json
	assert_equal "$(check_of lockdown '.status + .value')" "oknone [integrity] confidentiality"
	jq -e 'any(.rows[]; .status == "works")' "$out/stdout"
}

@test "without the kernel's BTF: why, and the hint" {
	[[ ! -e /boot/vmlinux-$(uname -r) ]] || skip "libbpf would find it in /boot"
	pretend_run "set -e; mount --make-rprivate /; mount -t tmpfs none /sys/kernel/btf;" 3 \
		doctor -f json
	jq -e 'all(.rows[]; .status == "cannot" and (.hint | test("--btf FILE")))' "$out/stdout"
	assert_equal "$(check_of 'kernel types (BTF)' .status)" problem
	# Tracefs need not be mounted here.
	pretend_run "set -e; mount --make-rprivate /; mount -t tmpfs none /sys/kernel/btf;
		mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing;" \
		0 probes -f json
	jq -e 'any(.not_seen[]; test("BTF"))' "$out/stdout"
	# The tracepoints are still to be had, by their names.
	assert_equal "$(jq -r '.rows[] | select(.point == "kfree_skb") | .mechanism' \
		"$out/stdout")" raw_tp
}

@test "without tracefs: the hint is the command that mounts it" {
	local hide='mount --make-rprivate /; umount /sys/kernel/tracing 2>/dev/null || :;
		mount -t tmpfs none /sys/kernel/debug;'

	pretend_run "$hide" any doctor -f json
	assert_equal "$(check_of tracefs '.status + ", " + .value')" "note, not mounted"
	pretend_run "$hide $(check_of tracefs .hint);" any doctor -f json
	assert_equal "$(check_of tracefs .status)" ok
	pretend_run "$hide" 0 probes -f json
	jq -e 'any(.not_seen[]; test("tracefs"))' "$out/stdout"
}

@test "settings that hurt are named with the command that changes them" {
	local setting

	for setting in net.core.bpf_jit_enable kernel.ftrace_enabled; do
		[[ -e /proc/sys/${setting//./\/} ]] || continue
		pretend "/proc/sys/${setting//./\/}=0" -- any doctor -f json
		assert_equal "$(check_of $setting .value)" 0
		[[ $(check_of $setting .status) != ok ]]
		[[ $(check_of $setting .hint) == *"sysctl $setting=1" ]]
		pretend "/proc/sys/${setting//./\/}=1" -- any doctor -f json
		assert_equal "$(check_of $setting .status)" ok
	done
}

@test "probes --check attaches, and leaves nothing behind" {
	ask 0 -- probes --check -f json
	[[ ! -s $out/stderr ]]
	"$tests_lib/json_check.py" probes <"$out/stdout"
	jq -e 'all(.rows[]; .usable == (.mechanism != "none"))' "$out/stdout"
	jq -e '.rows[] | select(.point == "kfree_skb") | .usable and
		(.candidates | all(test(": works ")))' "$out/stdout"
	run bpftool prog show
	assert_success
	refute_output --partial vnet_check
}

@test "probes without --check tries nothing, and is fast" {
	ask 0 -- probes -f json
	jq -e 'all(.rows[]; .usable == null)' "$out/stdout"
	run grep -c works "$out/stdout"
	assert_output 0
}

@test "probes without privileges says what it could not see" {
	ask 0 "${nobody[@]}" -- probes --check -f json
	"$tests_lib/json_check.py" probes <"$out/stdout"
	grep -q 'no permission to load BPF programs: none was tried' "$out/stderr"
	grep -q '^hint: run as root' "$out/stderr"
	jq -e 'all(.rows[]; .usable == null) and
		any(.not_seen[]; test("available_filter_functions"))' "$out/stdout"
}

@test "what is recorded plans the same" {
	ask 0 -- probes --record "$out/facts" -f json
	jq -c '.rows[] | del(.usable)' "$out/stdout" >"$out/now"
	ask 0 -- probes --kernel-facts "$out/facts" -f json
	jq -c '.rows[] | del(.usable)' "$out/stdout" >"$out/later"
	cmp "$out/now" "$out/later"
	jq -e '.host == null' "$out/stdout"
	ask 0 -- drop summary --dry-run --kernel-facts "$out/facts" --format json
	jq -e '.possible' "$out/stdout"
}

@test "facts that cannot be written or read" {
	ask 1 -- probes --record /dev/full
	assert_equal "$(<"$out/stderr")" \
		"vnetdiag: error: cannot write '/dev/full': No space left on device"
	[[ ! -s $out/stdout ]]
	ask 1 -- probes --record "$out/no/such/folder"
	[[ ! -s $out/stdout ]]
	ask 1 -- doctor --kernel-facts "$out/none"
	[[ ! -s $out/stdout ]]
	head -n 20 tests/fixtures/kernel-6.1.facts >"$out/half"
	ask 2 -- probes --kernel-facts "$out/half"
	assert_equal "$(head -n 1 "$out/stderr")" \
		"vnetdiag: error: no kernel facts in '$out/half': line 21"
	[[ ! -s $out/stdout ]]
}

@test "options about this kernel do not go with a recorded one" {
	local option

	for option in --check --record=x; do
		ask 2 -- probes $option --kernel-facts tests/fixtures/kernel-6.1.facts
		grep -q "^vnetdiag: error: option '${option%=x}' is about the running kernel" \
			"$out/stderr"
		[[ ! -s $out/stdout ]]
	done
	[[ ! -e x ]]
}
