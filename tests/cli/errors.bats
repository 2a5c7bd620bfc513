#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Bad input: one clear line and a hint on stderr, status 2, stdout empty.

bats_require_minimum_version 1.5.0

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	vnetdiag=${VNETDIAG:-./vnetdiag}
}

# refused "SUMMARY" "HINT" OPTIONS...: of drop summary.
refused() {
	local message=$1 hint=$2 status=0
	shift 2
	"$vnetdiag" drop summary "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	assert_equal "$(cat "$BATS_TEST_TMPDIR/err")" "vnetdiag: error: $message
hint: $hint"
	assert_equal "$status" 2
	[[ ! -s $BATS_TEST_TMPDIR/out ]]
}

@test "unknown options" {
	refused "unknown option '--intervall'" "did you mean '--interval'?" --intervall 1s
	refused "unknown option '--inter'" "did you mean '--interval'?" --inter 1s
	refused "unknown option '--zzzzzz'" "see 'vnetdiag drop summary --help'" --zzzzzz
	refused "unknown option '-Z'" "see 'vnetdiag drop summary --help'" -Z
}

@test "bad durations" {
	refused "option '--interval': '5 potatoes' needs a unit: us, ms, s, m or h" \
		"for example '--interval 500ms'" --interval "5 potatoes"
	refused "option '--interval': '0s' must be more than 0" \
		"for example '--interval 500ms'" -i 0s
	refused "option '--duration': '-5s' is not a time, such as 100ms or 1.5s" \
		"for example '--duration 500ms'" --duration -5s
	refused "option '--interval' needs a value: TIME" \
		"see 'vnetdiag drop summary --help'" --interval
}

@test "bad addresses, ports and VLANs" {
	refused "option '--src-ip': '10.0.0.300' is not an IPv4 or IPv6 address" \
		"for example '--src-ip 10.0.0.0/24'" --src-ip 10.0.0.300
	refused "option '--dst-ip': '10.0.0.1/33' needs a prefix length from 0 to 32 behind its '/'" \
		"for example '--dst-ip 10.0.0.0/24'" --dst-ip=10.0.0.1/33
	refused "option '--dst-port': '65536' is too large" \
		"a whole number from 1 to 65535" --dst-port 65536
	refused "option '--vlan': '4096' is too large" \
		"a whole number from 0 to 4095" --vlan 4096
}

@test "unknown devices" {
	refused "option '--device': 'no-such-dev0' is not a network device here" \
		"'ip link' lists the devices of this network namespace" --device lo,no-such-dev0
	refused "option '--device': 'lo,lo' names a device twice" \
		"for example '--device eth0,eth1', at most 16" --device lo,lo
}

@test "conflicting filters" {
	local hint="no packet can match both: remove one"
	refused "conflicting filters: '--src-ip' is IPv4, but '--dst-ip' is IPv6" "$hint" \
		--src-ip 10.0.0.1 --dst-ip fd00::1
	refused "conflicting filters: '--protocol' is icmp, but '--dst-port' asks for a port" \
		"$hint" --protocol icmp --dst-port 53
	refused "conflicting filters: '--protocol' is icmp6, but '--src-ip' is IPv4" "$hint" \
		--protocol icmp6 --src-ip 10.0.0.1
}

@test "repetition, choices, operands and combinations" {
	refused "option '--interval' is given twice: '1s' and '2s'" "keep one of them" \
		--interval 1s -i 2s
	refused "option '--format': 'jsno' is not one of the choices" \
		"did you mean 'json'? choices: text, json, hist" --format jsno
	refused "unexpected argument 'lo'" "see 'vnetdiag drop summary --help'" lo
	refused "option '--dry-run' takes no value" "see 'vnetdiag drop summary --help'" --dry-run=yes
	refused "option '--kernel-facts' works only with '--dry-run'" "add '--dry-run'" \
		--kernel-facts somewhere
}

# refused_qdisc "SUMMARY" "HINT" OPTIONS...: of latency qdisc.
refused_qdisc() {
	local message=$1 hint=$2

	shift 2
	run -2 --separate-stderr "$vnetdiag" latency qdisc "$@"
	assert_equal "$stderr" "vnetdiag: error: $message
hint: $hint"
	assert_output ""
}

@test "latency qdisc: a summary or records, of devices that are named" {
	refused_qdisc "option '--device' is required" \
		"'ip link' lists the devices of this network namespace" --over 1ms
	refused_qdisc "option '--over' counts in a summary, but '--threshold' asks for records" \
		"remove one: records are of all packets above '--threshold'" \
		--device lo --over 1ms --threshold 1ms
	refused_qdisc "option '--limit' is of records only" \
		"add '--threshold TIME' for records" --device lo --limit 5
	refused_qdisc "option '--rate-limit' is of records only" \
		"add '--threshold TIME' for records" --device lo --rate-limit 5
}

# refused_megaflow "SUMMARY" "HINT" OPTIONS...: of ovs megaflow.
refused_megaflow() {
	local message=$1 hint=$2

	shift 2
	run -2 --separate-stderr "$vnetdiag" ovs megaflow "$@"
	assert_equal "$stderr" "vnetdiag: error: $message
hint: $hint"
	assert_output ""
}

@test "ovs megaflow: what a flow's key does not have" {
	refused_megaflow "option '--device': a flow is of a port of the datapath, not of a device" \
		"use --in-port; 'ovs-dpctl show' lists the ports" --device lo
	refused_megaflow "option '--inner': a flow's key has the headers outside of a tunnel only" \
		"'vnetdiag ovs megaflow --help' lists the filters" --inner
	refused_megaflow "option '--count': is of reports, which '--summary' asks for" \
		"use --limit" --count 1
	refused_megaflow "option '--format': records have no distribution" \
		"use text or json, or add '--summary'" --format hist
	refused_megaflow "option '--limit': is of records only" \
		"leave '--summary' out for records" --summary --limit 1
	refused_megaflow "option '--rate-limit': is of records only" \
		"leave '--summary' out for records" --summary --rate-limit 1
	refused_megaflow "option '--event': 'new,delete' is not a list of the choices" \
		"choices: upcall, new, set, del, return" --event new,delete
	for ufid in 0 ufid:00000000-0000-0000-0000-00000000000g \
		00000000-0000-0000-0000-0000000000000; do
		refused_megaflow "option '--ufid': is not 32 hexadecimal digits" \
			"'ovs-appctl dpctl/dump-flows -m' shows those of all flows" --ufid $ufid
	done
	refused_megaflow "option '--in-port': is not a whole number" \
		"'ovs-dpctl show' lists the ports" --in-port ens11
}

# refused_upcall "SUMMARY" "HINT" OPTIONS...: of ovs upcall details.
refused_upcall() {
	local message=$1 hint=$2

	shift 2
	run -2 --separate-stderr "$vnetdiag" ovs upcall details "$@"
	assert_equal "$stderr" "vnetdiag: error: $message
hint: $hint"
	assert_output ""
}

@test "ovs upcall details: thresholds of the parts that there are" {
	refused_upcall "'kernel' of option '--threshold' is no part of an upcall" \
		"the parts are total, queue, user and return" --threshold 1ms,kernel=2ms
	refused_upcall "'5' of option '--threshold' needs a unit: us, ms, s, m or h" \
		"use for example --threshold 100ms,queue=20ms" --threshold queue=5
	refused_upcall "'' of option '--threshold' is not a time, such as 100ms or 1.5s" \
		"use for example --threshold 100ms,queue=20ms" --threshold 1ms,
}

# refused_pair "SUMMARY" "HINT" OPTIONS...: of latency pair.
refused_pair() {
	local message=$1 hint=$2

	shift 2
	run -2 --separate-stderr "$vnetdiag" latency pair "$@"
	assert_equal "$stderr" "vnetdiag: error: $message
hint: $hint"
	assert_output ""
}

@test "latency pair: two devices, or a file, and no option that would be ignored" {
	local need="add '--from DEVICE --to DEVICE', or '--pairs FILE'"
	local records="add '--threshold TIME' or '--missing' for records"

	refused_pair "option '--from' is required" "$need"
	refused_pair "option '--from' is required" "$need" --to lo
	refused_pair "option '--to' is required" "$need" --from lo
	refused_pair "'lo' is both '--from' and '--to'" \
		"what comes in by a device leaves by another one" --from lo --to lo
	refused_pair "option '--from': 'nosuch0' is not a network device here" \
		"'ip link' lists the devices of this network namespace" --from nosuch0 --to lo
	refused_pair "option '--pairs' does not go with '--from' and '--to'" \
		"write that pair into the file, too" --from lo --pairs /dev/null
	refused_pair "option '--device' does not go with a pair of devices" \
		"'--from' and '--to' say which packets are meant" --pairs /dev/null --device lo
	refused_pair "option '--limit' is of records only" "$records" --pairs /dev/null --limit 3
	refused_pair "option '--rate-limit' is of records only" "$records" --pairs /dev/null \
		--rate-limit 3
	refused_pair "option '--over' counts in a summary, but records are asked for" \
		"remove '--over', or '--threshold' and '--missing'" --pairs /dev/null --over 1ms \
		--missing
	refused_pair "option '--count' counts reports, but records are asked for" \
		"'--limit' counts records" --pairs /dev/null --count 1 --threshold 1ms
}

@test "latency pair: a file with a mistake, and the line that has it" {
	local file=$BATS_TEST_TMPDIR/pairs
	local hint="each line has two devices, 'vnet0 vnet1'; '#' begins a comment"

	refused_pair "the file '/dev/null' has no pair" "$hint" --pairs /dev/null
	printf '# nothing\n\nlo\n' >"$file"
	refused_pair "pairs in '$file': line 3 needs two devices: FROM TO" "$hint" --pairs "$file"
	printf 'lo a b\n' >"$file"
	refused_pair "pairs in '$file': line 1 has more than two words" "$hint" --pairs "$file"
	printf '\nlo nosuch0 # not here\n' >"$file"
	refused_pair "pairs in '$file': line 2: 'nosuch0' is not a network device here" \
		"'ip link' lists the devices of this network namespace" --pairs "$file"
	run -1 --separate-stderr "$vnetdiag" latency pair --pairs "$BATS_TEST_TMPDIR/none"
	assert_equal "$stderr" \
		"vnetdiag: error: cannot read '$BATS_TEST_TMPDIR/none': No such file or directory"
	run -1 --separate-stderr "$vnetdiag" latency pair --pairs /dev/zero
	assert_equal "$stderr" "vnetdiag: error: cannot read '/dev/zero': File too large"
}

@test "control characters of an argument do not reach the terminal" {
	refused "unexpected argument 'a?b?[31m'" "see 'vnetdiag drop summary --help'" $'a\nb\e[31m'
}

@test "every option with a value refuses to have none, in every command" {
	local command name status
	while IFS=$'\t' read -r command name; do
		status=0
		# shellcheck disable=SC2086
		"$vnetdiag" $command "--$name" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
		assert_equal "$status" 2
		assert_equal "$(head -n1 "$BATS_TEST_TMPDIR/err" | cut -d: -f1-3)" \
			"vnetdiag: error: option '--$name' needs a value"
		[[ ! -s $BATS_TEST_TMPDIR/out ]]
	done < <("$vnetdiag" introspect json | jq -r '.commands[] | .path as $p | .options[] |
		select(.type != "flag") | [$p, .name] | @tsv')
}
